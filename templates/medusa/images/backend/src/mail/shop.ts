/** What mails say of the shop, as the backend's environment has it when they are sent. */
export const shop = {
  /** The store's name: a clone has another one than the store whose data it was made from. */
  get name(): string {
    return process.env.STORE_NAME ?? ""
  },
  get title(): string {
    return process.env.SHOP_TITLE ?? ""
  },
  /** ISO 3166-1 alpha-2. */
  get country(): string {
    return (process.env.SHOP_COUNTRY ?? "US").toUpperCase()
  },
  /** Without a slash at its end. */
  get url(): string {
    return process.env.STORE_CORS ?? ""
  },
  /** Who gets what is for the owner; empty: nobody. */
  get owner(): string {
    return process.env.OWNER_EMAIL ?? ""
  },
}

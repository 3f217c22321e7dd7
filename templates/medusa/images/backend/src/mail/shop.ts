/** Values for the texts of mails, from the backend's environment when they are sent. */
export const shop = {
  /** The store's name: a clone's differs from that of the store it was restored from. */
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
  /** As spec.shop.priceFormat has it; empty: as is usual in the country. */
  get priceFormat(): string {
    return process.env.SHOP_PRICE_FORMAT ?? ""
  },
  /** Without a trailing slash. */
  get url(): string {
    return process.env.STORE_CORS ?? ""
  },
  /** The recipient of mails to the owner; "": nobody. */
  get owner(): string {
    return process.env.OWNER_EMAIL ?? ""
  },
}

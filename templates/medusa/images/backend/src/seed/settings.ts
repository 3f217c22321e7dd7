/** The shop's settings in the Store's spec, from the seed's environment. */
export type Settings = {
  title: string
  /** ISO 4217, in lowercase letters as Medusa writes it. */
  currency: string
  /** ISO 3166-1 alpha-2, in lowercase letters. */
  country: string
  publishableKey: string
  adminEmail: string
  adminPassword: string
  /** The address of the shop's uploaded files, without a trailing slash. */
  fileBaseUrl: string
}

/** @throws Error naming a variable that is missing. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const text = (name: string): string => {
    const value = environment[name]
    if (!value) throw new Error(`${name} must be set for the seed`)
    return value
  }
  return {
    title: text("SHOP_TITLE"),
    currency: text("SHOP_CURRENCY").toLowerCase(),
    country: text("SHOP_COUNTRY").toLowerCase(),
    publishableKey: text("MEDUSA_PUBLISHABLE_KEY"),
    adminEmail: text("MEDUSA_ADMIN_EMAIL"),
    adminPassword: text("MEDUSA_ADMIN_PASSWORD"),
    fileBaseUrl: text("FILE_BASE_URL"),
  }
}

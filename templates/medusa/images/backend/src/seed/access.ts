import { createHash } from "node:crypto"

import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"
import { createApiKeysWorkflow, createUsersWorkflow, linkSalesChannelsToApiKeyWorkflow } from "@medusajs/medusa/core-flows"

import type { Settings } from "./settings"
import type { Row, Shop } from "./shop"

// The title of a key that has no token yet: if a run is killed, the next one finds the key by it and continues.
const UNFINISHED = "store-platform"

/** Creates the key that the storefront uses, and the administrator with the password in the store's Secret. */
export async function makeAccess(shop: Shop, settings: Settings): Promise<void> {
  await makePublishableKey(shop, settings.publishableKey)
  await makeAdministrator(shop, settings.adminEmail, settings.adminPassword)
}

async function makePublishableKey(shop: Shop, token: string): Promise<void> {
  if (await shop.find("api_key", ["id"], { token })) return
  const { default_sales_channel_id: channel } = await shop.store()
  const key = await unfinishedKey(shop)
  if (!key.sales_channels_link?.length) {
    await linkSalesChannelsToApiKeyWorkflow(shop.container).run({ input: { id: key.id, add: [channel] } })
  }
  // Medusa would choose a random token; this one is known beforehand, so that the storefront can be given it.
  const database = shop.container.resolve(ContainerRegistrationKeys.PG_CONNECTION)
  const redacted = `${token.slice(0, 6)}***${token.slice(-3)}`
  await database("api_key").where({ id: key.id }).update({ token, redacted, created_by: "" })
}

async function unfinishedKey(shop: Shop): Promise<Row> {
  const found = await shop.find("api_key", ["id", "sales_channels_link.sales_channel_id"], { created_by: UNFINISHED })
  if (found) return found
  const { result } = await createApiKeysWorkflow(shop.container).run({
    input: { api_keys: [{ title: "Storefront", type: "publishable", created_by: UNFINISHED }] },
  })
  return result[0]
}

/**
 * Like `medusa user`, which would fail the second time. Data from another store's backup contains that store's
 * password, so the Secret's is set. A password that the owner chose since then is kept.
 */
async function makeAdministrator(shop: Shop, email: string, password: string): Promise<void> {
  const fingerprint = createHash("sha256").update(`${email} ${password}`).digest("hex")
  await shop.whenOther("admin_fingerprint", fingerprint, async () => {
    const user = (await shop.find("user", ["id"], { email })) ?? (await makeUser(shop, email))
    await letIn(shop, user.id, email, password)
  })
}

/**
 * Lets a user sign in with this e-mail and password. In Medusa, anybody can register with any address: whoever did so
 * must not stay signed in, because their session would become the user's.
 */
async function letIn(shop: Shop, user_id: string, email: string, password: string): Promise<void> {
  const auth = shop.container.resolve(Modules.AUTH)
  const [known] = await auth.listAuthIdentities({ provider_identities: { entity_id: email, provider: "emailpass" } })
  const own = known?.app_metadata?.user_id === user_id
  if (known && !own) await auth.deleteAuthIdentities([known.id])
  const done = own
    ? await auth.updateProvider("emailpass", { entity_id: email, password })
    : await auth.register("emailpass", { body: { email, password } } as never)
  if (!done.success) throw new Error(`the password of the administrator ${email} can't be set: ${done.error}`)
  if (!own) await auth.updateAuthIdentities([{ id: done.authIdentity!.id, app_metadata: { user_id } }])
}

async function makeUser(shop: Shop, email: string): Promise<Row> {
  const { result } = await createUsersWorkflow(shop.container).run({ input: { users: [{ email }] } })
  return result[0] as Row
}

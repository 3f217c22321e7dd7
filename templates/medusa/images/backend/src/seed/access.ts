import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"
import {
  createApiKeysWorkflow,
  createUserAccountWorkflow,
  linkSalesChannelsToApiKeyWorkflow,
} from "@medusajs/medusa/core-flows"

import type { Settings } from "./settings"
import type { Shop } from "./shop"

/** The key that the storefront shows, and the administrator whose password the store's Secret holds. */
export async function makeAccess(shop: Shop, settings: Settings): Promise<void> {
  await makePublishableKey(shop, settings.publishableKey)
  await makeAdministrator(shop, settings.adminEmail, settings.adminPassword)
}

async function makePublishableKey(shop: Shop, token: string): Promise<void> {
  const { default_sales_channel_id: channel } = await shop.store()
  let key = await shop.find("api_key", ["id", "sales_channels_link.sales_channel_id"], { token })
  if (!key) {
    const { result } = await createApiKeysWorkflow(shop.container).run({
      input: { api_keys: [{ title: "Storefront", type: "publishable", created_by: "" }] },
    })
    key = { id: result[0].id }
    await linkSalesChannelsToApiKeyWorkflow(shop.container).run({ input: { id: result[0].id, add: [channel] } })
    // Medusa chooses tokens by itself; this one is known before the shop is, so that its storefront can be given it.
    const database = shop.container.resolve(ContainerRegistrationKeys.PG_CONNECTION)
    const redacted = `${token.slice(0, 6)}***${token.slice(-3)}`
    await database("api_key").where({ id: result[0].id }).update({ token, redacted })
  }
}

/** As `medusa user` would, which fails the second time. */
async function makeAdministrator(shop: Shop, email: string, password: string): Promise<void> {
  if (await shop.find("user", ["id"], { email })) return
  const auth = shop.container.resolve(Modules.AUTH)
  let [identity] = await auth.listAuthIdentities({ provider_identities: { entity_id: email, provider: "emailpass" } })
  if (!identity) {
    const registered = await auth.register("emailpass", { body: { email, password } } as never)
    if (!registered.success || !registered.authIdentity) {
      throw new Error(`the administrator ${email} can't be registered: ${registered.error}`)
    }
    identity = registered.authIdentity
  }
  await createUserAccountWorkflow(shop.container).run({
    input: { authIdentityId: identity.id, userData: { email } },
  })
}

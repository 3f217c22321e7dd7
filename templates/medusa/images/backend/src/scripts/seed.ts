import type { ExecArgs } from "@medusajs/framework/types"

import { makeAccess } from "../seed/access"
import { makeCatalogue } from "../seed/catalogue"
import { makeDelivery } from "../seed/delivery"
import { moveFiles } from "../seed/files"
import { makeMarket } from "../seed/market"
import { readSettings } from "../seed/settings"
import { Shop, alone } from "../seed/shop"

/**
 * Creates what a new shop needs to sell. Each step is idempotent and recorded when it is complete: what the owner
 * changed or removed afterwards is left as it is, however often this runs. A concurrent run waits.
 */
export default async function seed({ container }: ExecArgs): Promise<void> {
  const settings = readSettings(process.env)
  await alone(container, async () => {
    const shop = new Shop(container)
    await makeAccess(shop, settings)
    await moveFiles(shop, settings.fileBaseUrl)
    await shop.once(`market_${settings.country}`, () => makeMarket(shop, settings))
    await shop.once(`delivery_${settings.country}`, () => makeDelivery(shop, settings))
    await shop.once("catalogue", () => makeCatalogue(shop, settings))
  })
}

import type { ExecArgs } from "@medusajs/framework/types"

import { makeAccess } from "../seed/access"
import { makeCatalogue } from "../seed/catalogue"
import { makeDelivery } from "../seed/delivery"
import { moveFiles } from "../seed/files"
import { makeMarket } from "../seed/market"
import { readSettings } from "../seed/settings"
import { Shop, alone } from "../seed/shop"

/**
 * What a new shop needs to sell. Each step looks before it makes, and is remembered once it is through: what the
 * owner changed or removed since is left as it is, however often this runs. A second one at the same time waits.
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

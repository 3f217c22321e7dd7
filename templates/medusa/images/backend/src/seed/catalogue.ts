import { ProductStatus } from "@medusajs/framework/utils"
import { createInventoryLevelsWorkflow, createProductsWorkflow } from "@medusajs/medusa/core-flows"

import { shippingProfile, stockLocation } from "./delivery"
import { amount } from "./money"
import { SAMPLES, type Sample } from "./samples"
import type { Settings } from "./settings"
import type { Shop } from "./shop"

/** The sample goods, priced and in stock. */
export async function makeCatalogue(shop: Shop, { currency }: Settings): Promise<void> {
  await makeProducts(shop, currency)
  await makeStock(shop)
}

async function makeProducts(shop: Shop, currency: string): Promise<void> {
  const there = await shop.all("product", ["handle"], { handle: SAMPLES.map(handle) })
  const missing = SAMPLES.filter((sample) => !there.some((product) => product.handle === handle(sample)))
  if (!missing.length) return
  const profile = await shippingProfile(shop)
  const { default_sales_channel_id: channel } = await shop.store()
  await createProductsWorkflow(shop.container).run({
    input: {
      products: missing.map((sample) => ({
        title: sample.title,
        subtitle: sample.subtitle,
        description: sample.description,
        handle: handle(sample),
        status: ProductStatus.PUBLISHED,
        shipping_profile_id: profile,
        sales_channels: [{ id: channel }],
        options: [{ title: option(sample)[0], values: option(sample)[1] }],
        variants: option(sample)[1].map((value, rank) => ({
          variant_rank: rank,
          title: sample.option ? value : sample.title,
          sku: sku(sample, value),
          manage_inventory: true,
          options: { [option(sample)[0]]: value },
          prices: [{ currency_code: currency, amount: amount(sample.price, currency) }],
        })),
      })),
    },
  })
}

async function makeStock(shop: Shop): Promise<void> {
  const location = await stockLocation(shop)
  if (!location) return
  const stock = new Map(SAMPLES.flatMap((sample) => option(sample)[1].map((value) => [sku(sample, value), sample.stock])))
  const items = await shop.all("inventory_item", ["id", "sku", "location_levels.id"], { sku: [...stock.keys()] })
  const missing = items.filter((item) => !item.location_levels?.length)
  await createInventoryLevelsWorkflow(shop.container).run({
    input: {
      inventory_levels: missing.map((item) => ({
        inventory_item_id: item.id,
        location_id: location.id,
        stocked_quantity: stock.get(item.sku) ?? 0,
      })),
    },
  })
}

/** What Medusa's own admin gives to goods of one kind, where a sample names no option. */
function option(sample: Sample): [string, string[]] {
  return sample.option ?? ["Default option", ["Default option value"]]
}

function handle(sample: Sample): string {
  return sample.title.toLowerCase().replaceAll(" ", "-")
}

function sku(sample: Sample, value: string): string {
  return sample.option ? `${handle(sample)}-${value}`.toUpperCase() : handle(sample).toUpperCase()
}

import { Modules, ProductStatus } from "@medusajs/framework/utils"
import {
  createInventoryLevelsWorkflow,
  createProductsWorkflow,
  deleteInventoryItemWorkflow,
  deleteProductsWorkflow,
} from "@medusajs/medusa/core-flows"

import { shippingProfile, stockLocation } from "./delivery"
import { amount } from "./money"
import { SAMPLES, type Sample } from "./samples"
import type { Settings } from "./settings"
import type { Row, Shop } from "./shop"

/** Creates the sample goods, with prices and stock. */
export async function makeCatalogue(shop: Shop, { currency }: Settings): Promise<void> {
  await makeProducts(shop, currency)
  await makeStock(shop)
}

async function makeProducts(shop: Shop, currency: string): Promise<void> {
  const whole = await keepWhole(shop)
  const missing = SAMPLES.filter((sample) => !whole.has(handle(sample)))
  const profile = await shippingProfile(shop)
  const { default_sales_channel_id: channel } = await shop.store()
  // One after the other, in reverse: shops show the newest first, and ids of the same millisecond have no order.
  for (const sample of missing.reverse()) {
    await createProductsWorkflow(shop.container).run({
      input: {
        products: [
          {
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
          },
        ],
      },
    })
  }
}

/**
 * Removes what a killed run created only in part, because its SKUs could not be used again, and prices that belong to
 * nothing. Returns the handles of the rest.
 */
async function keepWhole(shop: Shop): Promise<Set<string>> {
  const fields = ["id", "handle", "variants.prices.id"]
  const there = await shop.all("product", fields, { handle: SAMPLES.map(handle) })
  // A variant's price is created last.
  const isWhole = ({ variants }: Row) => variants?.length > 0 && variants.every((each: any) => each.prices?.some(Boolean))
  const parts = there.filter((product) => !isWhole(product)).map(({ id }) => id)
  if (parts.length) await deleteProductsWorkflow(shop.container).run({ input: { ids: parts } })
  const items = await shop.all("inventory_item", ["id", "variants.id"], { sku: SAMPLES.flatMap(skus) })
  const loose = items.filter(({ variants }) => !variants?.some(Boolean)).map(({ id }) => id)
  if (loose.length) await deleteInventoryItemWorkflow(shop.container).run({ input: loose })
  const sets = await shop.all("price_set", ["id", "variant_link.variant_id", "shipping_option_link.shipping_option_id"])
  const unused = sets.filter((set) => !set.variant_link && !set.shipping_option_link).map(({ id }) => id)
  if (unused.length) await shop.container.resolve(Modules.PRICING).deletePriceSets(unused)
  return new Set(there.filter(isWhole).map((product) => product.handle))
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

/** What Medusa's own admin sets for goods without options. */
function option(sample: Sample): [string, string[]] {
  return sample.option ?? ["Default option", ["Default option value"]]
}

function handle(sample: Sample): string {
  return sample.title.toLowerCase().replaceAll(" ", "-")
}

function skus(sample: Sample): string[] {
  return option(sample)[1].map((value) => sku(sample, value))
}

function sku(sample: Sample, value: string): string {
  return sample.option ? `${handle(sample)}-${value}`.toUpperCase() : handle(sample).toUpperCase()
}

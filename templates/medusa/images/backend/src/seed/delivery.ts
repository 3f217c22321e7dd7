import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"
import {
  createShippingOptionsWorkflow,
  createShippingProfilesWorkflow,
  createStockLocationsWorkflow,
  deleteShippingOptionsWorkflow,
  linkSalesChannelsToStockLocationWorkflow,
} from "@medusajs/medusa/core-flows"

import { countryName } from "./market"
import { amount } from "./money"
import type { Settings } from "./settings"
import type { Row, Shop } from "./shop"

const LOCATION = "Warehouse"

/** Creates a stock location, and two ways of shipping from it, which the owner fulfils manually. */
export async function makeDelivery(shop: Shop, settings: Settings): Promise<void> {
  const location = await makeLocation(shop, settings.country)
  const zone = await makeZone(shop, location, settings.country)
  for (const [name, code, price, description] of [
    ["Standard", "standard", 5, "With you in 3 to 5 working days."],
    ["Express", "express", 12, "With you on the next working day."],
  ] as const) {
    const begun = await shop.find("shipping_option", ["id", "prices.id"], { name, service_zone_id: zone })
    if (begun?.prices?.some(Boolean)) continue
    // From a run that was killed before it had a price.
    if (begun) await deleteShippingOptionsWorkflow(shop.container).run({ input: { ids: [begun.id] } })
    await createShippingOptionsWorkflow(shop.container).run({
      input: [
        {
          name,
          price_type: "flat",
          provider_id: "manual_manual",
          service_zone_id: zone,
          shipping_profile_id: await shippingProfile(shop),
          type: { label: name, code, description },
          prices: [{ currency_code: settings.currency, amount: amount(price, settings.currency) }],
          rules: [
            { attribute: "enabled_in_store", operator: "eq", value: "true" },
            { attribute: "is_return", operator: "eq", value: "false" },
          ],
        },
      ],
    })
  }
}

export async function shippingProfile(shop: Shop): Promise<string> {
  const found = await shop.find("shipping_profile", ["id"], { type: "default" })
  if (found) return found.id
  const { result } = await createShippingProfilesWorkflow(shop.container).run({
    input: { data: [{ name: "Default", type: "default" }] },
  })
  return result[0].id
}

/** Returns the location that the seed created; undefined if it created none or the owner has removed it. */
export async function stockLocation(shop: Shop): Promise<Row | undefined> {
  return shop.find("stock_location", ["id", "sales_channels.id", "fulfillment_providers.id", "fulfillment_sets.id"], {
    name: LOCATION,
  })
}

async function makeLocation(shop: Shop, country: string): Promise<Row> {
  let location = await stockLocation(shop)
  if (!location) {
    const { result } = await createStockLocationsWorkflow(shop.container).run({
      input: { locations: [{ name: LOCATION, address: { address_1: "", country_code: country } }] },
    })
    location = { ...result[0] } as Row
  }
  const link = shop.container.resolve(ContainerRegistrationKeys.LINK)
  if (!location.fulfillment_providers?.length) {
    await link.create({
      [Modules.STOCK_LOCATION]: { stock_location_id: location.id },
      [Modules.FULFILLMENT]: { fulfillment_provider_id: "manual_manual" },
    })
  }
  if (!location.sales_channels?.length) {
    const { default_sales_channel_id: channel } = await shop.store()
    await linkSalesChannelsToStockLocationWorkflow(shop.container).run({ input: { id: location.id, add: [channel] } })
  }
  return location
}

/** Returns the id of the country's service zone, in the location's fulfilment set. */
async function makeZone(shop: Shop, location: Row, country: string): Promise<string> {
  const fulfillment = shop.container.resolve(Modules.FULFILLMENT)
  const name = `Delivery from ${LOCATION}`
  const found = await shop.find("fulfillment_set", ["id", "service_zones.*"], { name })
  const set = found ?? (await fulfillment.createFulfillmentSets({ name, type: "shipping" }))
  if (!location.fulfillment_sets?.length) {
    const link = shop.container.resolve(ContainerRegistrationKeys.LINK)
    await link.create({
      [Modules.STOCK_LOCATION]: { stock_location_id: location.id },
      [Modules.FULFILLMENT]: { fulfillment_set_id: set.id },
    })
  }
  const zone = found?.service_zones?.find((each: any) => each?.name === countryName(country))
  if (zone) return zone.id
  const made = await fulfillment.createServiceZones({
    name: countryName(country),
    fulfillment_set_id: set.id,
    geo_zones: [{ country_code: country, type: "country" }],
  })
  return made.id
}

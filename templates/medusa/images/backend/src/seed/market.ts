import {
  createPricePreferencesWorkflow,
  createRegionsWorkflow,
  createTaxRegionsWorkflow,
  updateRegionsWorkflow,
} from "@medusajs/medusa/core-flows"

import type { Settings } from "./settings"
import type { Shop } from "./shop"

const PAYMENT_PROVIDERS = ["pp_system_default", "pp_stripe_stripe"]

/** Creates the country that the shop sells to, with its currency. */
export async function makeMarket(shop: Shop, settings: Settings): Promise<void> {
  await check(shop, settings)
  await makeCurrency(shop, settings)
  const { country, currency } = settings
  const known = await shop.find("country", ["region_id"], { iso_2: country })
  if (known?.region_id) {
    await finishRegion(shop, known.region_id)
  } else {
    await createRegionsWorkflow(shop.container).run({
      input: {
        regions: [
          {
            name: countryName(country),
            currency_code: currency,
            countries: [country],
            payment_providers: PAYMENT_PROVIDERS,
          },
        ],
      },
    })
  }
  if (!(await shop.find("tax_region", ["id"], { country_code: country }))) {
    await createTaxRegionsWorkflow(shop.container).run({
      input: [{ country_code: country, provider_id: "tp_system" }],
    })
  }
}

/** A killed run may have left it without a payment provider, or without the setting whether prices include tax. */
async function finishRegion(shop: Shop, id: string): Promise<void> {
  const region = await shop.find("region", ["id", "payment_providers.id"], { id })
  if (!region?.payment_providers?.length) {
    await updateRegionsWorkflow(shop.container).run({
      input: { selector: { id }, update: { payment_providers: PAYMENT_PROVIDERS } },
    })
  }
  const preference = { attribute: "region_id", value: id }
  if (!(await shop.find("price_preference", ["id"], preference))) {
    await createPricePreferencesWorkflow(shop.container).run({ input: [preference] })
  }
}

export function countryName(country: string): string {
  return new Intl.DisplayNames(["en"], { type: "region" }).of(country.toUpperCase()) ?? country
}

async function check(shop: Shop, { country, currency }: Settings): Promise<void> {
  if (!(await shop.find("currency", ["code"], { code: currency }))) {
    throw new Error(`spec.shop.currency must be a currency that Medusa knows; "${currency}" is not one`)
  }
  if (!(await shop.find("country", ["iso_2"], { iso_2: country }))) {
    throw new Error(`spec.shop.country must be a country that Medusa knows; "${country}" is not one`)
  }
}

/** The first market's name and currency are the shop's; a later one adds its currency. */
async function makeCurrency(shop: Shop, { title, currency }: Settings): Promise<void> {
  const { metadata, supported_currencies: supported } = await shop.store()
  const first = !Object.keys(metadata ?? {}).some((mark) => mark.startsWith("seeded_market_"))
  if (first) {
    await shop.updateStore({
      name: title,
      supported_currencies: [{ currency_code: currency, is_default: true }],
    })
  } else if (!supported.some((each: any) => each.currency_code === currency)) {
    const kept = supported.map(({ currency_code, is_default }: any) => ({ currency_code, is_default }))
    await shop.updateStore({ supported_currencies: [...kept, { currency_code: currency }] })
  }
}

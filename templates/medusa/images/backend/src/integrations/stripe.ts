import Stripe from "stripe"

import { fieldsOf, type Fields } from "./fields"

export const STRIPE = "pp_stripe_stripe"

export type Connection = Readonly<{ client: Stripe; webhookSecret: string }>

let last: { fields: string; connection: Connection } | undefined

/** Stripe with the keys that are set now, so that another key needs no restart; undefined where none are set. */
export function connect(): Connection | undefined {
  const fields = fieldsOf("payments")
  if (fields?.provider !== "stripe") return undefined
  const key = JSON.stringify(fields)
  if (last?.fields !== key) last = { fields: key, connection: open(fields) }
  return last.connection
}

function open(fields: Fields): Connection {
  return { client: new Stripe(fields.secretKey, options(fields.secretKey)), webhookSecret: fields.webhookSecret }
}

/** Where Stripe is. Tests put another server in its place by STRIPE_API_URL: never for a key that moves money. */
function options(secretKey: string): Stripe.StripeConfig {
  const url = process.env.STRIPE_API_URL
  const limits = { timeout: 15_000, maxNetworkRetries: 1, telemetry: false }
  if (!url || !/^(sk|rk)_test_/.test(secretKey)) return limits
  const { hostname, port, protocol } = new URL(url)
  return { ...limits, host: hostname, port, protocol: protocol === "http:" ? "http" : "https" }
}

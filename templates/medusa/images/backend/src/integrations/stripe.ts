import Stripe from "stripe"

import { fieldsOf, type Fields } from "./fields"

export const STRIPE = "pp_stripe_stripe"
const PAGES = "https://checkout.stripe.com"

/** `pages`: the origin of the hosted payment pages. */
export type Connection = Readonly<{ client: Stripe; webhookSecret: string; pages: string }>

let last: { fields: string; connection: Connection } | undefined

/** Returns Stripe with the current keys, so that changed keys need no restart; undefined if there are none. */
export function connect(): Connection | undefined {
  const fields = fieldsOf("payments")
  if (fields?.provider !== "stripe") return undefined
  const key = JSON.stringify(fields)
  if (last?.fields !== key) last = { fields: key, connection: open(fields) }
  return last.connection
}

function open(fields: Fields): Connection {
  const { secretKey, webhookSecret } = fields
  const limits = { timeout: 15_000, maxNetworkRetries: 1, telemetry: false }
  const { server, pages } = standIn(secretKey)
  return { client: new Stripe(secretKey, { ...limits, ...server }), webhookSecret, pages }
}

/** Stripe's servers, or those that tests and the demo use instead, which are ignored for keys that move money. */
function standIn(secretKey: string): { server: Stripe.StripeConfig; pages: string } {
  const { STRIPE_API_URL: url, STRIPE_PAGES: pages = PAGES } = process.env
  if (!url || !/^(sk|rk)_test_/.test(secretKey)) return { server: {}, pages: PAGES }
  const { hostname, port, protocol } = new URL(url)
  return { server: { host: hostname, port, protocol: protocol === "http:" ? "http" : "https" }, pages }
}

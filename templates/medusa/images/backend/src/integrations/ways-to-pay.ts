import { connect, STRIPE } from "./stripe"

export const MANUAL = "pp_system_default"

/** `page`: the origin of the provider's own payment page, if it has one. */
export type WayToPay = Readonly<{ id: string; page?: string }>

/** Returns the payment providers, by Medusa's ids, that work now. The owner sets in the admin which a region offers. */
export function waysToPay(): WayToPay[] {
  const stripe = connect()
  return [...(stripe ? [{ id: STRIPE, page: stripe.pages }] : []), { id: MANUAL }]
}

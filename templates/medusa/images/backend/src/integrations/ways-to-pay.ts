import { connect, STRIPE } from "./stripe"

export const MANUAL = "pp_system_default"

/** `page` is the origin of the provider's own page to pay on, where it has one. */
export type WayToPay = Readonly<{ id: string; page?: string }>

/** The payment providers, by Medusa's ids, that work now. Which of them a region offers its owner sets in the admin. */
export function waysToPay(): WayToPay[] {
  const stripe = connect()
  return [...(stripe ? [{ id: STRIPE, page: stripe.pages }] : []), { id: MANUAL }]
}

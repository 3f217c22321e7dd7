import type { MedusaContainer } from "@medusajs/framework/types"
import type Stripe from "stripe"

import { due } from "./due"
import { keep } from "./outbox"
import { shop } from "./shop"

/**
 * Keep a mail to the owner about a payment that failed: one for each, however often it is tried. It is kept before the
 * provider gets its answer, which otherwise sends the event again, and sent by the next run of the job.
 */
export async function mailPaymentFailed(container: MedusaContainer, intent: Stripe.PaymentIntent): Promise<void> {
  if (!shop.owner) return
  const { id, amount, currency, last_payment_error } = intent
  const reason = (last_payment_error?.message ?? "").slice(0, 500)
  await keep(container, [due("payment-failed", id, shop.owner, { payment: id, amount: mainUnit(amount, currency), currency, reason })])
}

/** Stripe counts in the smallest unit: https://docs.stripe.com/currencies#zero-decimal */
function mainUnit(amount: number, currency: string): number {
  const digits = new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2
  return amount / 10 ** digits
}

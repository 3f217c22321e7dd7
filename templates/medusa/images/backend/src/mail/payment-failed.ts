import type { MedusaContainer } from "@medusajs/framework/types"
import type Stripe from "stripe"

import { due } from "./due"
import { keep } from "./outbox"
import { shop } from "./shop"

/**
 * Stores a mail to the owner about a failed payment: one per payment, however often it is tried. It is stored before
 * the provider gets its response (otherwise the provider would repeat the event), and sent by the next run of the job.
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

import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"
import { getAmountFromSmallestUnit } from "@medusajs/payment-stripe/dist/utils/get-smallest-unit"
import type Stripe from "stripe"

import { due } from "./due"
import { keep } from "./outbox"
import { shop } from "./shop"

/**
 * Stores a mail to the owner about a failed payment: one per payment, however often it is tried. It is stored before
 * the provider gets its response (otherwise the provider would repeat the event), and sent by the next run of the job.
 * Payments of other shops that use the same account are ignored.
 */
export async function mailPaymentFailed(container: MedusaContainer, intent: Stripe.PaymentIntent): Promise<void> {
  if (!shop.owner || !(await isOurs(container, intent))) return
  const { id, amount, currency, last_payment_error } = intent
  const reason = (last_payment_error?.message ?? "").slice(0, 500)
  await keep(container, [due("payment-failed", id, shop.owner, { payment: id, amount: getAmountFromSmallestUnit(amount, currency), currency, reason })])
}

async function isOurs(container: MedusaContainer, { metadata }: Stripe.PaymentIntent): Promise<boolean> {
  const id = metadata?.session_id
  if (typeof id !== "string" || !id) return false
  const query = container.resolve(ContainerRegistrationKeys.QUERY)
  const { data } = await query.graph({ entity: "payment_session", fields: ["id"], filters: { id } } as never)
  return data.length > 0
}

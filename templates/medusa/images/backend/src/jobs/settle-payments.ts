import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules, PaymentActions } from "@medusajs/framework/utils"
import { processPaymentWorkflowId } from "@medusajs/medusa/core-flows"
import type Stripe from "stripe"

import { connect, STRIPE } from "../integrations/stripe"

// A hosted page is open for one hour; a webhook may be that late and more.
const HOURS = 48

export const config = { name: "settle-payments", schedule: "* * * * *" }

/**
 * Creates the orders of payments whose webhook was lost: it came while the backend was down, was not signed with the
 * current secret, or the backend stopped before it was handled completely. Payments that have an order are skipped, and
 * those that were refunded because their cart can't be ordered.
 */
export default async function settlePayments(container: MedusaContainer): Promise<void> {
  const stripe = connect()
  if (!stripe) return
  const query = container.resolve(ContainerRegistrationKeys.QUERY)
  const logger = container.resolve(ContainerRegistrationKeys.LOGGER)
  const since = new Date(Date.now() - HOURS * 3600 * 1000)
  const { data: sessions } = await query.graph({
    entity: "payment_session",
    fields: ["id", "status", "data", "amount", "payment_collection_id", "payment.captured_at", "payment.refunds.id"],
    filters: { provider_id: STRIPE, status: ["pending", "authorized"], created_at: { $gte: since } },
  } as never)
  const interrupted = await sessionsWithoutOrder(container, sessions as any[])
  for (const { id, status, data, amount } of sessions as any[]) {
    try {
      const due = status === "pending" ? await isPaid(stripe.client, data) : interrupted.has(id)
      if (!due) continue
      logger.info(`the payment ${id} was made and has no order yet: it gets one`)
      const input = { action: PaymentActions.SUCCESSFUL, data: { session_id: id, amount } }
      await container.resolve(Modules.WORKFLOW_ENGINE).run(processPaymentWorkflowId, { input })
    } catch (error) {
      logger.error(`the payment ${id} could not be settled and will be tried again: ${(error as Error).message}`)
    }
  }
}

async function isPaid(client: Stripe, data: Record<string, unknown> | null): Promise<boolean> {
  const page = String(data?.id)
  return page.startsWith("cs_") && (await client.checkout.sessions.retrieve(page)).payment_status === "paid"
}

/** Returns those sessions whose payment is stored and was not refunded, and whose cart was not ordered. */
async function sessionsWithoutOrder(container: MedusaContainer, sessions: any[]): Promise<Set<string>> {
  const stored = sessions.filter(({ payment }) => payment?.captured_at && !payment.refunds?.length)
  if (!stored.length) return new Set()
  const { data } = await container.resolve(ContainerRegistrationKeys.QUERY).graph({
    entity: "cart_payment_collection",
    fields: ["payment_collection_id", "cart.completed_at"],
    filters: { payment_collection_id: stored.map(({ payment_collection_id }) => payment_collection_id) },
  } as never)
  const links = (data as any[]).filter(({ cart }) => cart && !cart.completed_at)
  const open = new Set(links.map(({ payment_collection_id }) => payment_collection_id))
  return new Set(stored.filter(({ payment_collection_id }) => open.has(payment_collection_id)).map(({ id }) => id))
}

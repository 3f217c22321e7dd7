import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules, PaymentActions } from "@medusajs/framework/utils"
import { processPaymentWorkflowId } from "@medusajs/medusa/core-flows"

import { connect, STRIPE } from "../integrations/stripe"

// A hosted page is open for one hour; a webhook may be that late and more.
const HOURS = 48

export const config = { name: "settle-payments", schedule: "* * * * *" }

/**
 * Creates the orders of payments whose webhook was lost: it came while the backend was down, was not signed with the
 * current secret, or the backend stopped between accepting and handling it. Payments that have an order are skipped.
 */
export default async function settlePayments(container: MedusaContainer): Promise<void> {
  const stripe = connect()
  if (!stripe) return
  const query = container.resolve(ContainerRegistrationKeys.QUERY)
  const logger = container.resolve(ContainerRegistrationKeys.LOGGER)
  const since = new Date(Date.now() - HOURS * 3600 * 1000)
  const { data: sessions } = await query.graph({
    entity: "payment_session",
    fields: ["id", "data", "amount"],
    filters: { provider_id: STRIPE, status: "pending", created_at: { $gte: since } },
  } as never)
  for (const session of sessions as any[]) {
    if (!String(session.data?.id).startsWith("cs_")) continue
    try {
      const page = await stripe.client.checkout.sessions.retrieve(session.data.id)
      if (page.payment_status !== "paid") continue
      logger.info(`the payment ${session.id} was made and has no order yet: it gets one`)
      const input = { action: PaymentActions.SUCCESSFUL, data: { session_id: session.id, amount: session.amount } }
      await container.resolve(Modules.WORKFLOW_ENGINE).run(processPaymentWorkflowId, { input })
    } catch (error) {
      logger.error(`the payment ${session.id} could not be settled, it is tried again: ${(error as Error).message}`)
    }
  }
}

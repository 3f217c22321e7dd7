import { finished } from "node:stream"

import {
  defineMiddlewares,
  type MedusaNextFunction,
  type MedusaRequest,
  type MedusaResponse,
} from "@medusajs/framework/http"
import { ContainerRegistrationKeys, MedusaError, Modules } from "@medusajs/framework/utils"
import { refreshPaymentCollectionForCartWorkflow } from "@medusajs/medusa/core-flows"
import type Stripe from "stripe"

import { connect } from "../integrations/stripe"
import { waysToPay } from "../integrations/ways-to-pay"
import { mailPaymentFailed } from "../mail/payment-failed"
import { refuseAccount, refuseReturn } from "./limits"

// How long a request waits for those before it; the storefront waits as long.
const LOCK_SECONDS = 20

/** Refuse to start a session with a provider that has no keys. */
function refuseUnavailable(request: MedusaRequest, _: MedusaResponse, next: MedusaNextFunction): void {
  const { provider_id } = (request.body ?? {}) as { provider_id?: string }
  if (provider_id && !waysToPay().some(({ id }) => id === provider_id)) {
    throw new MedusaError(MedusaError.Types.NOT_ALLOWED, "This way to pay is not available at the moment.")
  }
  next()
}

/**
 * Answer a cart's requests for its payment collection one after the other: Medusa's answer to the second would be that
 * there is one.
 */
async function oneCollection(request: MedusaRequest, response: MedusaResponse, next: MedusaNextFunction): Promise<void> {
  const { cart_id } = (request.body ?? {}) as { cart_id?: string }
  await answerAlone(`payment-collection-of-${cart_id}`, request, response, next)
}

/**
 * Start a payment session only while the cart neither gets another one, nor changes, nor is ordered: Medusa would keep a
 * session of each request, and a session of the amount before. Refuse to replace the session of an order or of a
 * payment: Medusa would pay it back, and keep the order.
 */
async function oneUnpaidSession(
  request: MedusaRequest,
  response: MedusaResponse,
  next: MedusaNextFunction,
): Promise<void> {
  const { id } = request.params
  const query = request.scope.resolve(ContainerRegistrationKeys.QUERY)
  const collection = async () => {
    const payment = ["amount", "canceled_at", "refunds.amount"].map((field) => `payments.${field}`)
    const fields = ["amount", "cart.id", "cart.total", "cart.completed_at", ...payment]
    return (await query.graph({ entity: "payment_collection", fields, filters: { id } })).data[0] as any
  }
  const { amount, cart } = (await collection()) ?? {}
  // If the provider could not be reached when the cart changed, Medusa kept the amount before.
  if (cart && !cart.completed_at && Number(cart.total) !== Number(amount)) {
    await refreshPaymentCollectionForCartWorkflow(request.scope).run({ input: { cart_id: cart.id } })
  }
  // Medusa's own workflows lock a cart by its id.
  await answerAlone(cart?.id ?? id, request, response, async () => {
    const { cart, payments } = (await collection()) ?? {}
    const paid = cart?.completed_at || payments?.some(isKept)
    next(paid && new MedusaError(MedusaError.Types.NOT_ALLOWED, "This cart has been ordered or paid."))
  })
}

/** Whether a payment was neither cancelled nor paid back. */
function isKept({ canceled_at, amount, refunds }: any): boolean {
  const paidBack = (refunds ?? []).reduce((sum: number, refund: any) => sum + Number(refund.amount), 0)
  return !canceled_at && paidBack < Number(amount)
}

/** Handle a request while no other one holds the lock of that key. */
async function answerAlone(
  key: string,
  request: MedusaRequest,
  response: MedusaResponse,
  handle: () => void | Promise<void>,
): Promise<void> {
  const answered = async () => {
    // Answered, or the client is gone.
    const end = new Promise<void>((resolve) => finished(response, () => resolve()))
    if (!response.closed) await handle()
    await end
  }
  await request.scope.resolve(Modules.LOCKING).execute(key, answered, { timeout: LOCK_SECONDS })
}

/**
 * Reject webhooks without a valid signature at once: Medusa would accept every webhook and check its signature later.
 */
async function refuseUnsigned(request: MedusaRequest, response: MedusaResponse, next: MedusaNextFunction): Promise<void> {
  const event = signedEvent(request)
  if (!event) {
    response.status(400).json({ type: "invalid_data", message: "the webhook's signature is not valid" })
    return
  }
  // Medusa itself does nothing for it.
  if (event.type === "payment_intent.payment_failed") await mailPaymentFailed(request.scope, event.data.object)
  next()
}

function signedEvent(request: MedusaRequest): Stripe.Event | undefined {
  const stripe = connect()
  const signature = request.headers["stripe-signature"]
  if (!stripe || typeof signature !== "string") return undefined
  try {
    return stripe.client.webhooks.constructEvent(request.rawBody as Buffer, signature, stripe.webhookSecret)
  } catch {
    return undefined
  }
}

export default defineMiddlewares({
  routes: [
    {
      matcher: "/store/payment-collections/:id/payment-sessions",
      method: "POST",
      middlewares: [refuseUnavailable, oneUnpaidSession],
    },
    { matcher: "/store/payment-collections", method: "POST", middlewares: [oneCollection] },
    { matcher: "/store/returns", method: "POST", middlewares: [refuseReturn] },
    { matcher: "/store/customers", method: "POST", middlewares: [refuseAccount] },
    { matcher: "/auth/customer/*", middlewares: [refuseAccount] },
    { matcher: "/hooks/payment/stripe_stripe", method: "POST", middlewares: [refuseUnsigned] },
  ],
})

import {
  defineMiddlewares,
  type MedusaNextFunction,
  type MedusaRequest,
  type MedusaResponse,
} from "@medusajs/framework/http"
import { MedusaError } from "@medusajs/framework/utils"
import type Stripe from "stripe"

import { connect } from "../integrations/stripe"
import { waysToPay } from "../integrations/ways-to-pay"
import { mailPaymentFailed } from "../mail/payment-failed"

/** Refuse to start a session with a provider that has no keys. */
function refuseUnavailable(request: MedusaRequest, _: MedusaResponse, next: MedusaNextFunction): void {
  const { provider_id } = (request.body ?? {}) as { provider_id?: string }
  if (provider_id && !waysToPay().some(({ id }) => id === provider_id)) {
    throw new MedusaError(MedusaError.Types.NOT_ALLOWED, "This way to pay is not available at the moment.")
  }
  next()
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
      middlewares: [refuseUnavailable],
    },
    { matcher: "/hooks/payment/stripe_stripe", method: "POST", middlewares: [refuseUnsigned] },
  ],
})

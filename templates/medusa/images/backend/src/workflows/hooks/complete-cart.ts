import { MedusaError } from "@medusajs/framework/utils"
import { completeCartWorkflow } from "@medusajs/medusa/core-flows"
import { getSmallestUnit } from "@medusajs/payment-stripe/dist/utils/get-smallest-unit"

/**
 * Order a cart only for what it costs. Medusa closes the payment session of a cart that changes; if the provider can't
 * be reached then, the cart is changed and the session of the amount before can still be paid.
 */
completeCartWorkflow.hooks.validate(({ cart }) => {
  if (cart.completed_at) return
  const due = getSmallestUnit(cart.total, cart.currency_code)
  for (const { amount, currency_code } of cart.payment_collection?.payment_sessions ?? []) {
    if (currency_code !== cart.currency_code || getSmallestUnit(amount, currency_code) !== due) {
      throw new MedusaError(MedusaError.Types.NOT_ALLOWED, "The cart changed after its payment had begun: pay again.")
    }
  }
})

import type {
  AuthorizePaymentInput,
  AuthorizePaymentOutput,
  CancelPaymentInput,
  CancelPaymentOutput,
  DeletePaymentInput,
  DeletePaymentOutput,
  GetPaymentStatusInput,
  GetPaymentStatusOutput,
  InitiatePaymentInput,
  InitiatePaymentOutput,
  RetrievePaymentInput,
  RetrievePaymentOutput,
  UpdatePaymentInput,
  UpdatePaymentOutput,
} from "@medusajs/framework/types"
import { MedusaError, PaymentSessionStatus } from "@medusajs/framework/utils"
import StripeProvider from "@medusajs/payment-stripe/dist/services/stripe-provider"
import { getSmallestUnit } from "@medusajs/payment-stripe/dist/utils/get-smallest-unit"
import type Stripe from "stripe"

import { connect } from "../../integrations/stripe"

type Data = Record<string, unknown> | undefined

// Stripe's minimum: the time a shopper has to pay before the page expires.
const OPEN_SECONDS = 60 * 60

/**
 * Medusa's Stripe provider, using Stripe's hosted page: card numbers do not reach the shop (PCI SAQ A), and Stripe
 * handles 3-D Secure and retries. A session's data is a Checkout Session until it is paid, then its PaymentIntent,
 * which the inherited methods capture and refund. Keys are read for each call.
 */
export default class HostedStripe extends StripeProvider {
  static identifier = "stripe"

  static validateOptions(): void {
    // No required options: keys may be added and removed while this runs.
  }

  constructor(cradle: never, options: object) {
    super(cradle, { ...options, apiKey: "sk_test_none", webhookSecret: "none" } as never)
    Object.defineProperty(this, "stripe_", { get: () => connection().client })
    Object.defineProperty(this, "options_", { get: () => ({ webhookSecret: connection().webhookSecret, capture: true }) })
  }

  async initiatePayment({ currency_code, amount, data, context }: InitiatePaymentInput): Promise<InitiatePaymentOutput> {
    const metadata = { session_id: String(data?.session_id ?? "") }
    const unit_amount = getSmallestUnit(amount, currency_code)
    const product_data = { name: String(data?.description || "Order") }
    const page = await this.client.checkout.sessions.create(
      {
        mode: "payment",
        // Others may be paid days later.
        payment_method_types: ["card"],
        line_items: [{ quantity: 1, price_data: { currency: currency_code, unit_amount, product_data } }],
        client_reference_id: metadata.session_id,
        customer_email: context?.customer?.email ?? (data?.email as string | undefined),
        metadata,
        payment_intent_data: { metadata },
        expires_at: Math.floor(Date.now() / 1000) + OPEN_SECONDS,
        success_url: `${process.env.STORE_CORS}/checkout/paid`,
        cancel_url: `${process.env.STORE_CORS}/checkout/payment`,
      },
      { idempotencyKey: context?.idempotency_key },
    )
    return { id: page.id, status: PaymentSessionStatus.PENDING, data: { id: page.id, url: page.url } }
  }

  async updatePayment(input: UpdatePaymentInput): Promise<UpdatePaymentOutput> {
    await this.close(input.data)
    const { status, data } = await this.initiatePayment(input as InitiatePaymentInput)
    return { status, data }
  }

  async authorizePayment(input: AuthorizePaymentInput): Promise<AuthorizePaymentOutput> {
    return this.getPaymentStatus(input)
  }

  async getPaymentStatus(input: GetPaymentStatusInput): Promise<GetPaymentStatusOutput> {
    if (!isPage(input.data)) return super.getPaymentStatus(input)
    const page = await this.page(input.data)
    if (!page || page.payment_status === "unpaid" || typeof page.payment_intent !== "object" || !page.payment_intent) {
      return { status: PaymentSessionStatus.PENDING, data: input.data }
    }
    const { client_secret: _, ...intent } = page.payment_intent
    const paid = intent.status === "succeeded"
    const status = paid ? PaymentSessionStatus.CAPTURED : PaymentSessionStatus.PENDING
    return { status, data: paid ? { ...intent } : input.data }
  }

  async cancelPayment(input: CancelPaymentInput): Promise<CancelPaymentOutput> {
    if (isPage(input.data)) return this.close(input.data)
    const intent = await this.client.paymentIntents.retrieve(String(input.data?.id))
    return intent.status === "succeeded" ? this.payBack(intent.id, input.data) : super.cancelPayment(input)
  }

  async deletePayment(input: DeletePaymentInput): Promise<DeletePaymentOutput> {
    return this.cancelPayment(input)
  }

  async retrievePayment(input: RetrievePaymentInput): Promise<RetrievePaymentOutput> {
    return isPage(input.data) ? { data: { ...(await this.page(input.data)) } } : super.retrievePayment(input)
  }

  /** Expires a page that nobody should pay on any more. A payment made there meanwhile is refunded. */
  private async close(data: Data): Promise<{ data?: Record<string, unknown> }> {
    if (!isPage(data) || !connect()) return { data }
    let page = await this.page(data)
    if (page?.status === "open") {
      try {
        await this.client.checkout.sessions.expire(page.id)
      } catch (error) {
        page = await this.page(data)
        if (page?.status === "open") throw error // it was neither paid nor expired meanwhile
      }
    }
    const intent = page?.payment_intent
    if (page?.payment_status === "paid" && typeof intent === "object" && intent) return this.payBack(intent.id, data)
    return { data }
  }

  private async payBack(intent: string, data: Data): Promise<{ data?: Record<string, unknown> }> {
    try {
      await this.client.refunds.create({ payment_intent: intent }, { idempotencyKey: `all-of-${intent}` })
    } catch (error) {
      if ((error as Stripe.errors.StripeError).code !== "charge_already_refunded") throw error
    }
    return { data }
  }

  /**
   * Returns the page; undefined if it is in another account than that of the current keys. Nothing can be known about
   * it, and it must not keep the shopper from paying on a new one.
   */
  private async page(data: Data): Promise<Stripe.Checkout.Session | undefined> {
    try {
      return await this.client.checkout.sessions.retrieve(String(data?.id), { expand: ["payment_intent"] })
    } catch (error) {
      if ((error as Stripe.errors.StripeError).statusCode === 404) return undefined
      throw error
    }
  }

  private get client(): Stripe {
    return connection().client
  }
}

function connection() {
  const found = connect()
  if (!found) throw new MedusaError(MedusaError.Types.NOT_ALLOWED, "This shop takes no card payments at the moment.")
  return found
}

function isPage(data: Data): boolean {
  return String(data?.id).startsWith("cs_")
}

import type { MedusaRequest, MedusaResponse } from "@medusajs/framework/http"

import { waysToPay } from "../../../integrations/ways-to-pay"

/** The providers that work now, independent of what a region offers. */
export function GET(_: MedusaRequest, response: MedusaResponse): void {
  response.json({ payment_methods: waysToPay() })
}

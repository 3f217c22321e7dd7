import { MedusaError } from "@medusajs/framework/utils"

/**
 * Refuse returns by shoppers. Medusa takes them from anybody who knows an order's id, counts the price of the goods as
 * owed to the shopper, and with "receive_now" even takes the goods as received.
 */
export function refuseReturn(): void {
  throw new MedusaError(MedusaError.Types.NOT_ALLOWED, "Only the shop records returns: write to it.")
}

/**
 * Refuse customer accounts. The shop's pages have none, and Medusa does not check whose address an account is for: it
 * would show its owner every later order that is placed with that address.
 */
export function refuseAccount(): void {
  throw new MedusaError(MedusaError.Types.NOT_ALLOWED, "This shop has no customer accounts: order without one.")
}

/**
 * Returns a sample's price in a currency: what costs 5 euros costs 500 in a currency without a smaller unit, such as
 * the yen.
 */
export function amount(price: number, currency: string): number {
  const format = new Intl.NumberFormat("en", { style: "currency", currency })
  return format.resolvedOptions().maximumFractionDigits === 0 ? price * 100 : price
}

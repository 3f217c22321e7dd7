/** A sample's price in a currency: what is 5 euro is 500 where a currency has no smaller unit, as the yen. */
export function amount(price: number, currency: string): number {
  const format = new Intl.NumberFormat("en", { style: "currency", currency })
  return format.resolvedOptions().maximumFractionDigits === 0 ? price * 100 : price
}

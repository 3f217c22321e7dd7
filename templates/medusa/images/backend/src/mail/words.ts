import { shop } from "./shop"

/** The texts of mails, in English and German. */
const ENGLISH = {
  hello: (name: string) => (name ? `Hello ${name},` : "Hello,"),
  order: (number: string) => `Order ${number}`,
  reference: "Reference",
  lookUp: "See how far it is",
  lookUpHow: "You need the reference above and your e-mail address.",
  items: "Goods",
  delivery: "Delivery",
  discount: "Discount",
  total: "Total",
  to: "Delivered to",
  tracking: "Tracking number",
  track: "Follow the parcel",
  "order-placed": {
    subject: (number: string) => `Your order ${number}`,
    text: "Thank you for your order. This is what you ordered.",
  },
  shipment: {
    subject: (number: string) => `Your order ${number} is on its way`,
    text: "Your goods are on their way to you.",
  },
  "order-canceled": {
    subject: (number: string) => `Your order ${number} was cancelled`,
    text: "Your order was cancelled. What you have paid is refunded.",
  },
  refund: {
    subject: (number: string) => `Refund for your order ${number}`,
    text: (amount: string) => `We have refunded ${amount}. It can take some days until you see it in your account.`,
  },
  "password-reset": {
    subject: "Set a new password",
    text: "Somebody, probably you, asked for a new password for the administration of this shop. The link is valid for 15 minutes.",
    link: "Set a new password",
    other: "If you did not ask for it, you need do nothing: your password stays as it is.",
  },
  "new-order": {
    subject: (number: string, amount: string) => `New order ${number}: ${amount}`,
    text: "Somebody has ordered in your shop.",
    link: "Open it in the administration",
    customer: "Customer",
  },
  "payment-failed": {
    subject: "A payment failed",
    text: (amount: string) => `A shopper could not pay ${amount} by card. Nothing was ordered, and they can try again.`,
    why: "The payment provider says",
    payment: "Payment",
  },
}

const GERMAN: typeof ENGLISH = {
  hello: (name) => (name ? `Guten Tag ${name},` : "Guten Tag,"),
  order: (number) => `Bestellung ${number}`,
  reference: "Referenz",
  lookUp: "Stand der Bestellung ansehen",
  lookUpHow: "Sie brauchen dazu die Referenz von oben und Ihre E-Mail-Adresse.",
  items: "Waren",
  delivery: "Versand",
  discount: "Rabatt",
  total: "Summe",
  to: "Lieferung an",
  tracking: "Sendungsnummer",
  track: "Sendung verfolgen",
  "order-placed": {
    subject: (number) => `Ihre Bestellung ${number}`,
    text: "Vielen Dank für Ihre Bestellung. Das haben Sie bestellt.",
  },
  shipment: {
    subject: (number) => `Ihre Bestellung ${number} ist unterwegs`,
    text: "Ihre Waren sind auf dem Weg zu Ihnen.",
  },
  "order-canceled": {
    subject: (number) => `Ihre Bestellung ${number} wurde storniert`,
    text: "Ihre Bestellung wurde storniert. Was Sie bezahlt haben, wird erstattet.",
  },
  refund: {
    subject: (number) => `Erstattung zu Ihrer Bestellung ${number}`,
    text: (amount) => `Wir haben Ihnen ${amount} erstattet. Bis Sie das Geld auf Ihrem Konto sehen, kann es einige Tage dauern.`,
  },
  "password-reset": {
    subject: "Neues Passwort festlegen",
    text: "Jemand, vermutlich Sie, hat ein neues Passwort für die Verwaltung dieses Shops angefordert. Der Link gilt 15 Minuten.",
    link: "Neues Passwort festlegen",
    other: "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Ihr Passwort bleibt, wie es ist.",
  },
  "new-order": {
    subject: (number, amount) => `Neue Bestellung ${number}: ${amount}`,
    text: "In Ihrem Shop wurde bestellt.",
    link: "In der Verwaltung öffnen",
    customer: "Kunde",
  },
  "payment-failed": {
    subject: "Eine Zahlung ist fehlgeschlagen",
    text: (amount) => `Ein Kunde konnte ${amount} nicht mit Karte bezahlen. Es wurde nichts bestellt, und er kann es noch einmal versuchen.`,
    why: "Der Zahlungsanbieter meldet",
    payment: "Zahlung",
  },
}

// Countries where most people read German.
const GERMAN_COUNTRIES = ["AT", "CH", "DE", "LI"]

export const language = (): "de" | "en" => (GERMAN_COUNTRIES.includes(shop.country) ? "de" : "en")

export const words = (): typeof ENGLISH => (language() === "de" ? GERMAN : ENGLISH)

/** An amount in the currency's main unit, as the shop writes prices: see money.py of the storefront. */
export function price(amount: unknown, currency: string): string {
  const usual = new Intl.NumberFormat(`${language()}-${shop.country}`, { style: "currency", currency })
  const format = /^(¤ ?)?1(.)234(.)56( ?¤)?$/u.exec(shop.priceFormat)
  if (!format) return usual.format(Number(amount))
  const [before, group, decimal, after] = format.slice(1).map((part) => part ?? "")
  const separators: Record<string, string> = { group, decimal, currency: "", literal: "" }
  const plain = new Intl.NumberFormat("en", { style: "currency", currency, signDisplay: "never" })
  const number = plain.formatToParts(Number(amount)).map(({ type, value }) => separators[type] ?? value)
  const written = [Number(amount) < 0 ? "-" : "", before, ...number, after].join("")
  const symbol = usual.formatToParts(0).find(({ type }) => type === "currency")?.value ?? currency
  return written.replaceAll(" ", "\u00a0").replaceAll("'", "\u2019").replace("¤", () => symbol)
}

import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, MedusaError } from "@medusajs/framework/utils"
import { generateResetPasswordTokenWorkflow } from "@medusajs/medusa/core-flows"

import { lay, type Content, type Part } from "./layout"
import { shop } from "./shop"
import { price, words } from "./words"

export type Row = Record<string, any>

/** A password's link that is sent again marks its event with this, so that the event causes no second mail. */
export const FROM_A_MAIL = "store-platform-mail"

type Writer = (container: MedusaContainer, data: Row) => Promise<Content>

/** Creates each mail's text from the shop's data when it is sent, so that its links have the shop's current host. */
export const MAILS: Record<string, Writer> = {
  "order-placed": async (container, { order: id }) => {
    const order = await findOrder(container, id)
    const { subject, text } = words()["order-placed"]
    const parts = [greeting(order), text, goods(order), sums(order), address(order), ...wayBack(order)]
    return lay(subject(number(order)), parts)
  },

  shipment: async (container, { order: id, fulfillment: parcel }) => {
    const order = await findOrder(container, id)
    const fulfillment = await one(container, "fulfillment", ["id", "labels.*", "items.*"], parcel)
    const { subject, text } = words().shipment
    const labels = (fulfillment.labels ?? []) as Row[]
    const sent = (fulfillment.items ?? []).map((item: Row) => [item.title, `× ${Number(item.quantity)}`])
    const parts: Part[] = [greeting(order), text, sent]
    for (const { tracking_number, tracking_url } of labels) {
      if (tracking_number) parts.push([[words().tracking, tracking_number]])
      if (/^https?:\/\//.test(tracking_url ?? "")) parts.push({ label: words().track, url: tracking_url })
    }
    return lay(subject(number(order)), [...parts, address(order), ...wayBack(order)])
  },

  "order-canceled": async (container, { order: id }) => {
    const order = await findOrder(container, id)
    const { subject, text } = words()["order-canceled"]
    return lay(subject(number(order)), [greeting(order), text, goods(order), sums(order), ...wayBack(order)])
  },

  refund: async (container, { order: id, amount, currency }) => {
    const order = await findOrder(container, id)
    const { subject, text } = words().refund
    return lay(subject(number(order)), [greeting(order), text(price(amount, currency)), ...wayBack(order)])
  },

  "password-reset": async (container, { user }) => {
    const { subject, text, link, other } = words()["password-reset"]
    const url = `${shop.url}/app/reset-password?token=${await resetToken(container, user)}`
    return lay(subject, [words().hello(""), text, { label: link, url }, other])
  },

  "new-order": async (container, { order: id }) => {
    const order = await findOrder(container, id)
    const { subject, text, link, customer } = words()["new-order"]
    const who: Part = [[customer, order.email]]
    const parts = [text, goods(order), sums(order), who, address(order), { label: link, url: adminPage(order) }]
    return lay(subject(number(order), price(order.total, order.currency_code)), parts)
  },

  "payment-failed": async (_, { amount, currency, payment, reason }) => {
    const { subject, text, why, payment: itsId } = words()["payment-failed"]
    return lay(subject, [text(price(amount, currency)), [[why, reason], [itsId, payment]]])
  },
}

const ORDER = [
  "id",
  "display_id",
  "email",
  "currency_code",
  "total",
  "shipping_total",
  "discount_total",
  "items.*",
  "items.total",
  "shipping_address.*",
]

async function one(container: MedusaContainer, entity: string, fields: string[], id: string): Promise<Row> {
  const query = container.resolve(ContainerRegistrationKeys.QUERY)
  const { data } = await query.graph({ entity, fields, filters: { id } } as never)
  if (!data.length) throw new MedusaError(MedusaError.Types.NOT_FOUND, `there is no ${entity} ${id}`)
  return data[0] as Row
}

const findOrder = (container: MedusaContainer, id: string): Promise<Row> => one(container, "order", ORDER, id)

const number = ({ display_id }: Row): string => String(display_id)

const greeting = ({ shipping_address: to }: Row): string => words().hello(to?.first_name ?? "")

const adminPage = ({ id }: Row): string => `${shop.url}/app/orders/${id}`

function goods({ items, currency_code }: Row): Part {
  return items.map(({ product_title, title, variant_title, quantity, total }: Row) => {
    const variant = variant_title && !/^default/i.test(variant_title) ? ` (${variant_title})` : ""
    return [`${Number(quantity)} × ${product_title ?? title}${variant}`, price(total, currency_code)]
  })
}

function sums({ total, shipping_total, discount_total, currency_code }: Row): Part {
  const all: [string, number][] = [
    [words().delivery, Number(shipping_total)],
    [words().discount, -Number(discount_total)],
    [words().total, Number(total)],
  ]
  return all.filter(([name, amount]) => amount || name === words().total).map(([name, amount]) => [name, price(amount, currency_code)])
}

function address({ shipping_address: to }: Row): Part {
  if (!to) return []
  const name = [to.first_name, to.last_name].filter(Boolean).join(" ")
  const town = [to.postal_code, to.city].filter(Boolean).join(" ")
  return [[words().to, [name, to.company, to.address_1, to.address_2, town].filter(Boolean).join(", ")]]
}

/**
 * The storefront finds an order by its reference and the buyer's e-mail, so mails contain no address that reveals it.
 */
function wayBack({ id }: Row): Part[] {
  const reference = String(id).replace(/^order_/, "")
  return [[[words().reference, reference]], { label: words().lookUp, url: `${shop.url}/orders` }, words().lookUpHow]
}

/** The token is created when its mail is sent, and not stored: a delayed mail contains one that is still valid. */
async function resetToken(container: MedusaContainer, user: string): Promise<string> {
  const { projectConfig } = container.resolve(ContainerRegistrationKeys.CONFIG_MODULE)
  const { result } = await generateResetPasswordTokenWorkflow(container).run({
    input: {
      entityId: user,
      actorType: "user",
      provider: "emailpass",
      secret: projectConfig.http.jwtSecret!,
      jwtOptions: projectConfig.http.jwtOptions,
      metadata: { source: FROM_A_MAIL },
    },
  })
  return encodeURIComponent(result)
}

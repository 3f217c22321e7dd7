import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"

import type { Row } from "./mails"
import { shop } from "./shop"

/** A mail to send, once per key. */
export type Due = Readonly<{ key: string; template: string; to: string; data: Row }>

// An order that is still being created can be rolled back.
const SETTLED_MILLISECONDS = 2 * 60 * 1000

/**
 * Returns all mails for what has happened since a time, whether they were sent or not. They are computed from the
 * shop's data and not only from its events, which are lost if the process ends.
 */
export async function dueMails(container: MedusaContainer, since: Date): Promise<Due[]> {
  const settled = new Date(Date.now() - SETTLED_MILLISECONDS)
  const [orders, canceled, fulfillments, refunds] = await Promise.all([
    graph(container, "order", ORDER, { created_at: { $gte: since } }),
    graph(container, "order", ORDER, { canceled_at: { $gte: since } }),
    graph(container, "fulfillment", ["id", "order.id", "order.email"], { shipped_at: { $gte: since } }),
    findRefunds(container, since),
  ])
  return [
    ...orders.filter(({ created_at }) => new Date(created_at) < settled).flatMap(ofOrder),
    ...canceled.map(({ id, email }) => due("order-canceled", id, email, { order: id })),
    ...fulfillments
      .filter(({ order }) => order)
      .map(({ id, order }) => due("shipment", id, order.email, { order: order.id, fulfillment: id })),
    ...refunds,
  ].filter(({ to }) => to)
}

/** Returns the mails for an order that was placed. */
export async function mailsOfOrder(container: MedusaContainer, id: string): Promise<Due[]> {
  return (await graph(container, "order", ORDER, { id })).flatMap(ofOrder)
}

const ORDER = ["id", "email", "created_at", "is_draft_order"]

export function due(template: string, of: string, to: string, data: Row): Due {
  return { key: `${shop.name}/${template}/${of}`, template, to, data }
}

function ofOrder({ id, email, is_draft_order }: Row): Due[] {
  const mails = [due("order-placed", id, email, { order: id }), due("new-order", id, shop.owner, { order: id })]
  return is_draft_order ? [] : mails.filter(({ to }) => to)
}

async function findRefunds(container: MedusaContainer, since: Date): Promise<Due[]> {
  const payments = container.resolve(Modules.PAYMENT)
  const refunds = await payments.listRefunds({ created_at: { $gte: since } } as never, { relations: ["payment"] } as never)
  if (!refunds.length) return []
  const ids = refunds.map(({ payment }: Row) => payment.id)
  const fields = ["id", "currency_code", "payment_collection.order.id", "payment_collection.order.email"]
  const known = new Map((await graph(container, "payment", fields, { id: ids })).map((payment) => [payment.id, payment]))
  return refunds.flatMap(({ id, amount, payment }: Row) => {
    const { currency_code: currency, payment_collection } = known.get(payment.id) ?? {}
    const order = payment_collection?.order
    return order ? [due("refund", id, order.email, { order: order.id, amount: Number(amount), currency })] : []
  })
}

async function graph(container: MedusaContainer, entity: string, fields: string[], filters: Row): Promise<Row[]> {
  const query = container.resolve(ContainerRegistrationKeys.QUERY)
  return (await query.graph({ entity, fields, filters } as never)).data as Row[]
}

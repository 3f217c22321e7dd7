import type { SubscriberArgs, SubscriberConfig } from "@medusajs/framework"

import { mailsOfOrder } from "../mail/due"
import { keep, sendMails } from "../mail/outbox"

export const config: SubscriberConfig = {
  event: ["order.placed", "order.canceled", "payment.refunded", "shipment.created"],
  context: { subscriberId: "store-mails" },
}

/** Sends a mail about what has just happened, without waiting for the next run of the job. */
export default async function mailAtOnce({ event, container }: SubscriberArgs<{ id: string }>): Promise<void> {
  if (event.name === "order.placed") await keep(container, await mailsOfOrder(container, event.data.id))
  await sendMails(container)
}

import type { MedusaContainer } from "@medusajs/framework/types"

import { sendMails } from "../mail/outbox"

export const config = { name: "send-mails", schedule: "* * * * *" }

/** Sends the mails that could not be sent before, and those whose event was lost. */
export default async function sendWaitingMails(container: MedusaContainer): Promise<void> {
  await sendMails(container)
}

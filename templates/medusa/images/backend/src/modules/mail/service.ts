import { createHash } from "node:crypto"

import type { ProviderSendNotificationDTO, ProviderSendNotificationResultsDTO } from "@medusajs/framework/types"
import { AbstractNotificationProviderService, MedusaError } from "@medusajs/framework/utils"

import { withoutSecrets } from "../../integrations/fields"
import { mailServer, openTransport, wordsOf } from "../../integrations/smtp"

/** Sends notifications of the channel "email" with the mail server that is set when each is sent. */
export default class Mail extends AbstractNotificationProviderService {
  static identifier = "mail"

  async send(notification: ProviderSendNotificationDTO): Promise<ProviderSendNotificationResultsDTO> {
    const server = mailServer()
    if (!server) throw new MedusaError(MedusaError.Types.NOT_ALLOWED, "this shop has no mail server")
    const { to, content } = notification
    if (!content) throw new MedusaError(MedusaError.Types.INVALID_DATA, "a mail must have a content")
    const transport = openTransport(server)
    try {
      const { messageId } = await transport.sendMail({
        from: { name: process.env.SHOP_TITLE ?? "", address: server.from },
        to: { name: "", address: to },
        // Nobody reads mail to an address of the platform's.
        replyTo: server.replyTo,
        subject: content.subject,
        text: content.text,
        html: content.html,
        messageId: identity(notification as never, server.from),
        // Prevents automatic replies to the shop: RFC 3834.
        headers: { "Auto-Submitted": "auto-generated" },
      })
      return { id: messageId }
    } catch (error) {
      throw new MedusaError(MedusaError.Types.UNEXPECTED_STATE, withoutSecrets(wordsOf(error), server))
    } finally {
      transport.close()
    }
  }
}

/** A mail that is sent again, because it is unknown whether it was accepted, has the same Message-ID. */
function identity({ idempotency_key }: { idempotency_key?: string | null }, from: string): string | undefined {
  if (!idempotency_key) return undefined
  return `<${createHash("sha256").update(idempotency_key).digest("hex").slice(0, 32)}@${from.split("@")[1]}>`
}

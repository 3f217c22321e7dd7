import type { SubscriberArgs, SubscriberConfig } from "@medusajs/framework"
import { Modules } from "@medusajs/framework/utils"

import { due } from "../mail/due"
import { FROM_A_MAIL } from "../mail/mails"
import { keep, sendMails } from "../mail/outbox"

type Reset = { entity_id: string; actor_type: string; metadata?: { source?: string } }

export const config: SubscriberConfig = { event: "auth.password_reset", context: { subscriberId: "store-password-reset" } }

// However often somebody asks, nobody's mailbox is filled.
const ONE_IN_MILLISECONDS = 5 * 60 * 1000

/**
 * Send whoever has forgotten the password of the administration a link. The shop's pages have no accounts; a customer's that
 * somebody made through the Store API gets no mail, since anybody can make one in anybody's name.
 */
export default async function mailLink({ event, container }: SubscriberArgs<Reset>): Promise<void> {
  const { entity_id: user, actor_type, metadata } = event.data
  if (actor_type !== "user" || metadata?.source === FROM_A_MAIL) return
  const users = await container.resolve(Modules.USER).listUsers({ email: user })
  if (!users.length) return
  const time = Math.floor(Date.now() / ONE_IN_MILLISECONDS)
  await keep(container, [due("password-reset", `${user}/${time}`, user, { user })])
  await sendMails(container)
}

import type { SubscriberArgs, SubscriberConfig } from "@medusajs/framework"
import { Modules } from "@medusajs/framework/utils"

import { due } from "../mail/due"
import { FROM_A_MAIL } from "../mail/mails"
import { keep, sendMails } from "../mail/outbox"

type Reset = { entity_id: string; actor_type: string; metadata?: { source?: string } }

export const config: SubscriberConfig = { event: "auth.password_reset", context: { subscriberId: "store-password-reset" } }

// Limits how many mails requests for a new password can cause.
const ONE_IN_MILLISECONDS = 5 * 60 * 1000

/**
 * Mails a link to an administrator who has forgotten the password. The shop's pages have no customer accounts; accounts
 * that somebody created through the Store API get no mail, because anybody can create one in anybody's name.
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

import { randomUUID } from "node:crypto"

import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys, Modules } from "@medusajs/framework/utils"

import { withoutSecrets, type Fields } from "../integrations/fields"
import { mailServer, openTransport, wordsOf } from "../integrations/smtp"
import { dueMails, type Due } from "./due"
import { MAILS, type Row } from "./mails"
import { shop } from "./shop"

// Any constant: it names the lock that all processes of one database share.
const LOCK = 20_260_102
const MINUTE = 60 * 1000
const HOUR = 60 * MINUTE
// Older events cause no mails, and mails that could not be sent for this long are abandoned.
const LOOK_BACK = 48 * HOUR
const GIVE_UP = 7 * 24 * HOUR
// A link for a new password is useful only while somebody waits for it.
const GIVE_UP_PASSWORD = HOUR
const LONGEST_PAUSE = 15 * MINUTE
const LONGEST_WAIT = 12 * HOUR

/** An unreachable server is retried at growing intervals; changed fields are tried at once. */
let unreachable: { fields: string; until: number; pause: number } | undefined

let running: Promise<void> | undefined
let again = false

/**
 * Sends what is due. Each mail is first stored in the database as a notification with the status "failure", which
 * Medusa's notification module sends when asked to retry. So no mail is lost with a process or a server, and each is
 * sent once. Only if it is unknown whether the server accepted a mail, it is sent again, with the same Message-ID.
 */
export async function sendMails(container: MedusaContainer): Promise<void> {
  again = true
  running ??= untilAllIsSeen(container).finally(() => (running = undefined))
  await running
}

/** What becomes due during a run is left to the next one. */
async function untilAllIsSeen(container: MedusaContainer): Promise<void> {
  while (again) {
    again = false
    await sendOnce(container)
  }
}

async function sendOnce(container: MedusaContainer): Promise<void> {
  const server = mailServer()
  await alone(container, async () => {
    const since = await connectedSince(container, server !== undefined)
    if (!server || !since) return
    await keep(container, await dueMails(container, since))
    const rows = await waiting(container)
    if (rows.length && (await reachable(container, server, rows.length))) await sendAll(container, server, rows)
  })
}

/** Stores mails until they are sent, if the shop sends any; those that are stored already are unchanged. */
export async function keep(container: MedusaContainer, mails: Due[]): Promise<void> {
  if (!mails.length || !mailServer()) return
  const rows = mails.map(({ key, template, to, data }) => ({
    id: `noti_${randomUUID().replaceAll("-", "")}`,
    to,
    channel: "email",
    template,
    data: JSON.stringify({ ...data, shop: shop.name }),
    idempotency_key: key,
    status: "failure",
  }))
  await database(container)("notification").insert(rows).onConflict().ignore()
}

/** Returns the stored mails that are due, without those of the shop whose backup this shop was restored from. */
async function waiting(container: MedusaContainer): Promise<Row[]> {
  const now = Date.now()
  const rows: Row[] = await database(container)("notification")
    .where({ channel: "email", status: "failure", deleted_at: null })
    .where("created_at", ">", new Date(now - GIVE_UP))
    .whereRaw("data->>'shop' = ?", [shop.name])
    .orderBy("created_at")
  return rows.filter(({ template, created_at, updated_at, provider_data }) => {
    const attempts = provider_data?.attempts ?? 0
    const wait = attempts ? Math.min(2 ** (attempts - 1) * MINUTE, LONGEST_WAIT) : 0
    const old = template === "password-reset" && now - created_at.getTime() > GIVE_UP_PASSWORD
    return template in MAILS && !old && now - updated_at.getTime() >= wait
  })
}

/** Whether the server accepts mails now. If not, all mails wait, and the server is not asked for each of them. */
async function reachable(container: MedusaContainer, server: Fields, mails: number): Promise<boolean> {
  const fields = JSON.stringify(server)
  if (unreachable?.fields === fields && Date.now() < unreachable.until) return false
  const transport = openTransport(server)
  try {
    await transport.verify()
    unreachable = undefined
    return true
  } catch (error) {
    const before = unreachable?.fields === fields ? unreachable.pause : MINUTE / 4
    const pause = Math.min(before * 2, LONGEST_PAUSE)
    unreachable = { fields, pause, until: Date.now() + pause }
    const words = withoutSecrets(wordsOf(error), server)
    logger(container).warn(`mail: ${server.host} takes no mails (${words}): ${mails} wait, next try in ${pause / 1000} s or more`)
    return false
  } finally {
    transport.close()
  }
}

async function sendAll(container: MedusaContainer, server: Fields, rows: Row[]): Promise<void> {
  let left = server.rate ? Number(server.rate) - (await sentThisHour(container)) : Infinity
  for (const row of rows) {
    if (left-- <= 0) {
      logger(container).warn(`mail: ${server.rate} mails were sent in the last hour, which is the limit: the others wait`)
      return
    }
    await send(container, server, row)
  }
}

async function send(container: MedusaContainer, server: Fields, row: Row): Promise<void> {
  const attempts = (row.provider_data?.attempts ?? 0) + 1
  try {
    const content = await MAILS[row.template](container, row.data)
    const { id, to, channel, template, data, idempotency_key } = row
    const again = { id, to, channel, template, data, idempotency_key, content, provider_data: { attempts } }
    await container.resolve(Modules.NOTIFICATION).createNotifications(again as never)
    logger(container).info(`mail: ${row.template} ${row.id} was sent`)
  } catch (error) {
    const change = { provider_data: JSON.stringify({ attempts }), updated_at: new Date() }
    await database(container)("notification").where({ id: row.id }).update(change)
    const words = withoutSecrets((error as Error).message, server)
    logger(container).error(`mail: ${row.template} ${row.id} was not sent, attempt ${attempts}: ${words}`)
  }
}

async function sentThisHour(container: MedusaContainer): Promise<number> {
  const [{ count }] = await database(container)("notification")
    .where({ channel: "email", status: "success" })
    .where("updated_at", ">", new Date(Date.now() - HOUR))
    .count()
  return Number(count)
}

/**
 * Returns since when this shop sends mails: events before that cause none. It is stored in the shop's data by a single
 * statement, because the seed writes there concurrently. A clone finds another store's name there, and restarts.
 */
async function connectedSince(container: MedusaContainer, connected: boolean): Promise<Date | undefined> {
  const { rows } = await database(container).raw("SELECT metadata->'mail' AS mark FROM store LIMIT 1")
  const mark = rows[0]?.mark
  if (!connected) {
    if (mark) await database(container).raw("UPDATE store SET metadata = metadata - 'mail'")
    return undefined
  }
  if (mark?.shop === shop.name) return new Date(Math.max(Date.parse(mark.since), Date.now() - LOOK_BACK))
  const now = new Date()
  await database(container).raw("UPDATE store SET metadata = coalesce(metadata, '{}') || ?::jsonb", [
    JSON.stringify({ mail: { shop: shop.name, since: now.toISOString() } }),
  ])
  return now
}

/** Runs the work unless another process does: the next run finds what is due then. */
async function alone(container: MedusaContainer, work: () => Promise<void>): Promise<void> {
  const { client } = database(container)
  const connection = await client.acquireConnection()
  try {
    const { rows } = await connection.query("SELECT pg_try_advisory_lock($1) AS locked", [LOCK])
    if (!rows[0].locked) return
    try {
      await work()
    } finally {
      await connection.query("SELECT pg_advisory_unlock($1)", [LOCK])
    }
  } finally {
    await client.releaseConnection(connection)
  }
}

const database = (container: MedusaContainer) => container.resolve(ContainerRegistrationKeys.PG_CONNECTION)

const logger = (container: MedusaContainer) => container.resolve(ContainerRegistrationKeys.LOGGER)

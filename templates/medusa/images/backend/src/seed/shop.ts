import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"
import { updateStoresWorkflow } from "@medusajs/medusa/core-flows"

// Any constant will do: it is the name of the lock that seeds of one database share.
const LOCK = 20_260_101

export type Row = Record<string, any>

/** The shop's data as the steps of the seed see it. */
export class Shop {
  constructor(readonly container: MedusaContainer) {}

  /** The first row of an entity that the filters find, with these fields; undefined where there is none. */
  async find(entity: string, fields: string[], filters: Row = {}): Promise<Row | undefined> {
    return (await this.all(entity, fields, filters))[0]
  }

  async all(entity: string, fields: string[], filters: Row = {}): Promise<Row[]> {
    const query = this.container.resolve(ContainerRegistrationKeys.QUERY)
    return (await query.graph({ entity, fields, filters } as any)).data as Row[]
  }

  /** Medusa makes one store, and a sales channel that is its default, when it starts the first time. */
  async store(): Promise<Row> {
    const store = await this.find("store", ["*", "supported_currencies.*"])
    if (!store) throw new Error("the database has no store: run migrate first")
    return store
  }

  async updateStore(update: Row): Promise<void> {
    const { id } = await this.store()
    await updateStoresWorkflow(this.container).run({ input: { selector: { id }, update } })
  }

  /** Do a step unless this shop has been through it. Its work must bear to be begun again after a crash. */
  async once(step: string, work: () => Promise<void>): Promise<void> {
    await this.whenOther(`seeded_${step}`, true, work)
  }

  /**
   * Do some work unless it was done for this value last. What was done is remembered in the shop's data, and so comes
   * with them from a backup; the work gets what is remembered, undefined where nothing is.
   */
  async whenOther(mark: string, value: unknown, work: (before: unknown) => Promise<void>): Promise<void> {
    const before = (await this.store()).metadata?.[mark]
    if (before === value) return
    await work(before)
    const { metadata } = await this.store()
    await this.updateStore({ metadata: { ...metadata, [mark]: value } })
  }
}

/** Do the work while no other seed of this database does: it holds a lock of a connection's own. */
export async function alone(container: MedusaContainer, work: () => Promise<void>): Promise<void> {
  const { client } = container.resolve(ContainerRegistrationKeys.PG_CONNECTION)
  const connection = await client.acquireConnection()
  try {
    await connection.query("SELECT pg_advisory_lock($1)", [LOCK])
    await work()
  } finally {
    await connection.query("SELECT pg_advisory_unlock($1)", [LOCK])
    await client.releaseConnection(connection)
  }
}

import type { MedusaContainer } from "@medusajs/framework/types"
import { ContainerRegistrationKeys } from "@medusajs/framework/utils"
import { updateStoresWorkflow } from "@medusajs/medusa/core-flows"

// Any constant: it names the lock that seeds of one database share.
const LOCK = 20_260_101

export type Row = Record<string, any>

/** The shop's data as the steps of the seed use it. */
export class Shop {
  constructor(readonly container: MedusaContainer) {}

  /** Returns the first row of an entity that matches the filters, with these fields; undefined if there is none. */
  async find(entity: string, fields: string[], filters: Row = {}): Promise<Row | undefined> {
    return (await this.all(entity, fields, filters))[0]
  }

  async all(entity: string, fields: string[], filters: Row = {}): Promise<Row[]> {
    const query = this.container.resolve(ContainerRegistrationKeys.QUERY)
    return (await query.graph({ entity, fields, filters } as any)).data as Row[]
  }

  /** Medusa creates one store, and a sales channel that is its default, at its first start. */
  async store(): Promise<Row> {
    const store = await this.find("store", ["*", "supported_currencies.*"])
    if (!store) throw new Error("the database has no store: run migrate first")
    return store
  }

  async updateStore(update: Row): Promise<void> {
    const { id } = await this.store()
    await updateStoresWorkflow(this.container).run({ input: { selector: { id }, update } })
  }

  /** Runs a step unless this shop has completed it. The step must be safe to run again after a crash. */
  async once(step: string, work: () => Promise<void>): Promise<void> {
    await this.whenOther(`seeded_${step}`, true, work)
  }

  /**
   * Runs work unless it was last done for this value. The value is stored in the shop's data, and so is part of a
   * backup; the work receives the stored value, undefined if there is none.
   */
  async whenOther(mark: string, value: unknown, work: (before: unknown) => Promise<void>): Promise<void> {
    const before = (await this.store()).metadata?.[mark]
    if (before === value) return
    await work(before)
    const { metadata } = await this.store()
    await this.updateStore({ metadata: { ...metadata, [mark]: value } })
  }
}

/** Runs the work while no other seed of this database runs: it holds a lock on its own connection. */
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

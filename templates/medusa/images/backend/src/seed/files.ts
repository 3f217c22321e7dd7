import { ContainerRegistrationKeys } from "@medusajs/framework/utils"

import type { Shop } from "./shop"

// The columns in which Medusa and its modules store a file's address.
const COLUMNS = ["avatar_url", "image_url", "logo_url", "thumbnail", "url"]

/**
 * Updates the addresses of uploaded files, which Medusa stores in full. After a move to another host, and in data from
 * another store's backup, those below the previous address are changed to this one; all others stay.
 */
export async function moveFiles(shop: Shop, base: string): Promise<void> {
  await shop.whenOther("file_base_url", base, async (before) => {
    if (typeof before !== "string") return
    const database = shop.container.resolve(ContainerRegistrationKeys.PG_CONNECTION)
    const { rows } = await database.raw(
      `SELECT c.table_name, c.column_name FROM information_schema.columns c JOIN information_schema.tables t
        USING (table_schema, table_name) WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'
        AND c.data_type IN ('text', 'character varying') AND c.column_name = ANY(?)`,
      [COLUMNS],
    )
    for (const { table_name: table, column_name: column } of rows) {
      await database.raw("UPDATE ?? SET ?? = ? || substr(??, ?) WHERE starts_with(??, ?)", [
        table, column, base, column, before.length + 1, column, `${before}/`,
      ])
    }
  })
}

// Gives an empty database the tables of this version, in one transaction: its migrations would take half a minute for
// the same. Ends with 3, and changes nothing, if the database has tables.
const { readFileSync } = require("node:fs")
const { Client } = require("@medusajs/framework/pg")

// Of PostgreSQL's advisory locks: only one of several processes creates the tables.
const LOCK = 7_141_901

async function create() {
  const client = new Client({ connectionString: process.env.DATABASE_URL })
  await client.connect()
  try {
    await client.query("BEGIN")
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK])
    const { rowCount } = await client.query("SELECT FROM pg_tables WHERE schemaname = 'public' LIMIT 1")
    if (rowCount) return 3
    await client.query(readFileSync(`${__dirname}/database.sql`, "utf8"))
    await client.query("COMMIT")
    return 0
  } finally {
    await client.end()
  }
}

create().then((code) => (process.exitCode = code))

import { existsSync, readFileSync, readdirSync, realpathSync } from "node:fs"
import { join } from "node:path"

/** An integration's fields; the names are those in the platform's integrations.yaml. */
export type Fields = Record<string, string>

/**
 * Returns the fields that the owner has set for an integration, as they are now; undefined if there are none. Each
 * field is a file of a mounted Secret. The kubelet updates all of them atomically by changing the link "..data", so
 * they are read through that link.
 */
export function fieldsOf(integration: string): Fields | undefined {
  const mount = join(process.env.INTEGRATIONS_FOLDER ?? "/integrations", integration)
  const link = join(mount, "..data")
  const folder = existsSync(link) ? realpathSync(link) : mount
  if (!existsSync(folder)) return undefined
  const names = readdirSync(folder).filter((name) => !name.startsWith("."))
  if (!names.length) return undefined
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), "utf8")]))
}

/** Returns the text without the values of those fields that are long enough to be secrets. */
export function withoutSecrets(text: string, fields: Fields): string {
  const secrets = Object.entries(fields).filter(([name, value]) => /key|secret|password/i.test(name) && value)
  return secrets.reduce((clean, [, value]) => clean.split(value).join("(hidden)"), text)
}

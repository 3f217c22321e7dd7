import { existsSync, readFileSync, readdirSync, realpathSync } from "node:fs"
import { join } from "node:path"

/** An integration's fields, by the names in the platform's integrations.yaml. */
export type Fields = Record<string, string>

/**
 * What the owner has set for an integration, as it is now; undefined where nothing is. Each field is a file of a mounted
 * Secret. The kubelet changes all of them at once by moving the link "..data", so they are read behind it.
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

/** The text without any value of the fields that has the length of a secret. */
export function withoutSecrets(text: string, fields: Fields): string {
  const secrets = Object.entries(fields).filter(([name, value]) => /key|secret|password/i.test(name) && value)
  return secrets.reduce((clean, [, value]) => clean.split(value).join("(hidden)"), text)
}

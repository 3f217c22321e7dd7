import { shop } from "./shop"
import { language } from "./words"

/** A part of a mail: a paragraph, a link on its own line, or a table of names and values. */
export type Part = string | Readonly<{ label: string; url: string }> | readonly (readonly [string, string])[]

export type Content = { subject: string; text: string; html: string }

/** A mail's text and HTML, with the same content. */
export function lay(subject: string, parts: Part[]): Content {
  const shown = parts.filter((part) => !Array.isArray(part) || part.length)
  const text = [...shown.map(asText), `-- \n${shop.title}\n${shop.url}`].join("\n\n") + "\n"
  return { subject: `${shop.title}: ${subject}`, text, html: page(subject, shown.map(asHtml).join("\n")) }
}

function asText(part: Part): string {
  if (typeof part === "string") return part
  if ("url" in part) return `${part.label}:\n${part.url}`
  return part.map(([name, value]) => `${name}: ${value}`).join("\n")
}

function asHtml(part: Part): string {
  if (typeof part === "string") return `<p>${escape(part)}</p>`
  if ("url" in part) return `<p><a href="${escape(part.url)}">${escape(part.label)}</a></p>`
  const rows = part.map(([name, value]) => `<tr><td style="${CELL}">${escape(name)}</td><td style="${CELL}">${escape(value)}</td></tr>`)
  return `<table role="presentation" style="border-collapse:collapse">${rows.join("")}</table>`
}

const CELL = "padding:4px 16px 4px 0;vertical-align:top"

function page(subject: string, body: string): string {
  return `<!doctype html>
<html lang="${language()}">
<head><meta charset="utf-8"><title>${escape(subject)}</title></head>
<body style="margin:0 auto;padding:24px;max-width:600px;font-family:sans-serif;font-size:16px;line-height:1.5;color:#1a1a1a">
${body}
<p style="color:#595959"><a href="${escape(shop.url)}" style="color:#595959">${escape(shop.title)}</a></p>
</body>
</html>
`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

import { writeFileSync } from "node:fs"

import { fieldsOf, withoutSecrets, type Fields } from "../integrations/fields"
import { mailServer, openTransport, wordsOf } from "../integrations/smtp"
import { connect } from "../integrations/stripe"

// The platform's exit code for "these fields are rejected, and a retry can't help".
const REFUSED = 2
const LAST_MESSAGE = process.env.TERMINATION_MESSAGE ?? "/dev/termination-log"

class Refused extends Error {}

const CHECKS: Record<string, (fields: Fields) => Promise<void>> = {
  async payments({ secretKey, publishableKey }) {
    const mode = (key: string) => key.split("_")[1]
    if (mode(secretKey) !== mode(publishableKey)) {
      throw new Refused(`the secret key is a ${mode(secretKey)} key and the publishable key is a ${mode(publishableKey)} key`)
    }
    try {
      // A restricted key may have one permission without the other.
      const { client } = connect()!
      await client.paymentIntents.list({ limit: 1 })
      await client.checkout.sessions.list({ limit: 1 })
    } catch (error) {
      const { statusCode, message } = error as { statusCode?: number; message: string }
      const words = `Stripe: ${message}`
      throw statusCode === 401 || statusCode === 403 ? new Refused(words) : new Error(words)
    }
  },

  async mail(fields) {
    const transport = openTransport(fields)
    try {
      await transport.verify()
    } catch (error) {
      const words = `${fields.host}: ${wordsOf(error)}`
      const { code, responseCode = 0 } = error as { code?: string; responseCode?: number }
      throw code === "EAUTH" && responseCode >= 500 ? new Refused(words) : new Error(words)
    } finally {
      transport.close()
    }
  },
}

/** Asks the integration's provider once whether it accepts the current fields. */
async function check(integration: string): Promise<number> {
  const fields = integration === "mail" ? mailServer() : fieldsOf(integration)
  if (!fields || !CHECKS[integration]) {
    say(`nothing is set for ${integration}`, {})
    return 1
  }
  try {
    await CHECKS[integration](fields)
    return 0
  } catch (error) {
    say((error as Error).message, fields)
    return error instanceof Refused ? REFUSED : 1
  }
}

function say(message: string, fields: Fields): void {
  const words = withoutSecrets(message, fields).slice(0, 1024)
  console.error(words)
  writeFileSync(LAST_MESSAGE, words)
}

check(process.argv[2] ?? "").then((code) => process.exit(code))

import { createTransport, type Transporter } from "nodemailer"

import { fieldsOf, type Fields } from "./fields"

/**
 * Returns the server for the shop's mails: the one that its owner has set, otherwise the platform's relay; undefined if
 * there is none.
 */
export function mailServer(): Fields | undefined {
  return fieldsOf("mail") ?? fieldsOf("mail-relay")
}

/**
 * Returns a connection to a mail server. An owner's is always encrypted: from the start on port 465, by STARTTLS on any
 * other port. The platform's relay states its encryption in "tls", and its own certificate authorities in "ca".
 */
export function openTransport({ host, port, username, password, tls, ca }: Fields): Transporter {
  const mode = tls ?? (port === "465" ? "tls" : "starttls")
  return createTransport({
    host,
    port: Number(port),
    secure: mode === "tls",
    requireTLS: mode === "starttls",
    ignoreTLS: mode === "none",
    auth: username ? { user: username, pass: password } : undefined,
    connectionTimeout: 15_000,
    greetingTimeout: 15_000,
    socketTimeout: 30_000,
    disableFileAccess: true,
    disableUrlAccess: true,
    tls: { minVersion: "TLSv1.2", ...(ca ? { ca } : {}) },
  })
}

/** A server's reply if it rejects a mail or a sign-in, or why it is unreachable. */
export function wordsOf(error: unknown): string {
  const { response, message } = error as { response?: string; message: string }
  return response ?? message
}

import { createTransport, type Transporter } from "nodemailer"

import { fieldsOf, type Fields } from "./fields"

/** Where the shop's mails go: the mail server that its owner has set, else the platform's relay; undefined: nowhere. */
export function mailServer(): Fields | undefined {
  return fieldsOf("mail") ?? fieldsOf("mail-relay")
}

/**
 * A connection to a mail server. An owner's is always encrypted: from the start on port 465, by STARTTLS on any other. The
 * platform's relay says by "tls" how it is, and by "ca" which certificate authorities are its own.
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

/** What a server says to a mail or a sign-in that it does not take, or why it can't be reached. */
export function wordsOf(error: unknown): string {
  const { response, message } = error as { response?: string; message: string }
  return response ?? message
}

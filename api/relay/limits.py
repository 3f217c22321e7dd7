"""What the relay grants a client. All clients are pods of stores, where anything may run."""

from __future__ import annotations

# In seconds: to sign in, from the connection's start, with its handshake; a connection in all; the next command; the
# content of a mail.
SIGN_IN_SECONDS = 20.0
CONNECTION_SECONDS = 300.0
COMMAND_SECONDS = 60.0
CONTENT_SECONDS = 60.0
# A store's mails are delivered one after the other: how long one waits for those before it.
TURN_SECONDS = 8.0
# From a mail's last byte to its answer. Stores wait 20 seconds for an answer, while a shopper may wait for them.
DELIVERY_SECONDS = 16.0
# All of that, with the answers that a client has to read.
MAIL_SECONDS = 2 * (TURN_SECONDS + CONTENT_SECONDS + DELIVERY_SECONDS)
# Until a new connection to the server must be there.
CONNECT_SECONDS = 8.0

# Connections: in all, of one address, and of one store that has signed in.
CONNECTIONS = 1024
ADDRESS_CONNECTIONS = 64
STORE_CONNECTIONS = 8
# Deliveries at the same time.
DELIVERIES = 16

MAIL_BYTES = 10 * 1024 * 1024
# What contents take of memory, all together, but for the first bytes of each: large mails keep no small ones waiting.
# Each content is copied some times until it is passed on.
SMALL_BYTES = 128 * 1024
CONTENTS_BYTES = 48 * 1024 * 1024
# RFC 5321, 4.5.3.1.6 grants a line 1000 bytes; servers take more.
LINE_BYTES = 8192
RECIPIENTS = 20
HEADER_BYTES, FIELD_BYTES = 64 * 1024, 2000
# Commands that are not understood or refused, before the connection is closed.
MISTAKES = 20
SIGN_INS = 3

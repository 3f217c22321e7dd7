"""Limits of the relay. All clients are pods of stores, where anything may run."""

from __future__ import annotations

# In seconds: to sign in, from the start of the connection including its TLS handshake; a connection in total; the next
# command; the content of a mail.
SIGN_IN_SECONDS = 20.0
CONNECTION_SECONDS = 300.0
COMMAND_SECONDS = 60.0
CONTENT_SECONDS = 60.0
# In seconds: a store's mails are delivered one after the other; this is how long one waits for earlier ones.
TURN_SECONDS = 8.0
# In seconds: from a mail's last byte to the reply. Stores wait 20 seconds for it, and shoppers may wait for them.
DELIVERY_SECONDS = 16.0
# In seconds: all of that together, including the time in which the client reads replies.
MAIL_SECONDS = 2 * (TURN_SECONDS + CONTENT_SECONDS + DELIVERY_SECONDS)
# In seconds: to connect to the server.
CONNECT_SECONDS = 8.0

# Connections: in total, per address, and per store that has signed in.
CONNECTIONS = 1024
ADDRESS_CONNECTIONS = 64
STORE_CONNECTIONS = 8
# Concurrent deliveries.
DELIVERIES = 16

MAIL_BYTES = 10 * 1024 * 1024
# In bytes: the memory for the contents of all mails together, without the first bytes of each, so that large mails do
# not block small ones. Each content is copied a few times until it is forwarded.
SMALL_BYTES = 128 * 1024
CONTENTS_BYTES = 48 * 1024 * 1024
# RFC 5321, 4.5.3.1.6 allows 1000 bytes per line; servers accept more.
LINE_BYTES = 8192
RECIPIENTS = 20
HEADER_BYTES, FIELD_BYTES = 64 * 1024, 2000
# Unknown or refused commands before the connection is closed.
MISTAKES = 20
SIGN_INS = 3

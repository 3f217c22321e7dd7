"""Limits for a peer: the time for each part of an exchange, and the number of connections.

The times follow common proxies (nginx: 60 s for a header and for a body, 75 s idle). They are shorter, because slow
clients are connected to the ingress controller, not to these services.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

# From the first to the last byte of a request's header, including a TLS handshake. In seconds, as are those below.
HEADER_SECONDS = 10.0
# From the end of the header to the end of the body.
BODY_SECONDS = 10.0
# For the peer to take one piece of an answer.
WRITE_SECONDS = 30.0
# For the peer to close its side of a connection after we have closed ours.
LINGER_SECONDS = 2.0
# For the request line and header together, in bytes: ingress-nginx's limit.
HEADER_BYTES = 32 * 1024
# The memory for all request bodies that are being read, and the part of it that one peer may use, in bytes.
BODIES_BYTES = 64 * 1024 * 1024
PEER_BODIES_BYTES = 32 * 1024 * 1024
# For an idle connection, also before its first request.
IDLE_SECONDS = 75.0
# The number of connections per process, and per peer (an address). A proxy is one peer for everyone behind it, so the
# limit per peer is high. At the limit, the connection that has been idle longest is closed.
CONNECTIONS = 12_000
PEER_CONNECTIONS = 9_000
# File descriptors for everything other than peers' connections: outgoing connections, certificates, the spool.
OWN_FILES = 512


@dataclass(frozen=True)
class ConnectionLimits:
    """The number of connections in total, and per peer."""

    connections: int
    peer: int


def raise_open_files() -> ConnectionLimits:
    """Raise the limit of open files as far as allowed, and return the connection limits that it permits.

    A connection may need a second descriptor, for the stream or call that it is forwarded to.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + OWN_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    most = max(1, (max(soft, allowed) - OWN_FILES) // 2)
    return ConnectionLimits(min(CONNECTIONS, most), min(PEER_CONNECTIONS, max(1, most * 3 // 4)))

"""What a service grants a peer: how long each part of an exchange may take, and how many connections there may be.

The seconds follow what proxies of this field grant (nginx: 60 s for a header and for a body, 75 s idle). Ours are
shorter, because the people behind a slow line are the ingress controller's peers, not ours.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass

# From the first byte to the last of a request's header, a TLS handshake included.
HEADER_SECONDS = 10.0
# From the end of the header to the end of the body.
BODY_SECONDS = 10.0
# For the peer to take one piece of an answer.
WRITE_SECONDS = 30.0
# For the peer to end its side of a connection after ours.
LINGER_SECONDS = 2.0
# A request line and its header together: what ingress-nginx takes.
HEADER_BYTES = 32 * 1024
# What the bodies that are read at the same time take of memory, all together and those of one peer.
BODIES_BYTES = 64 * 1024 * 1024
PEER_BODIES_BYTES = 32 * 1024 * 1024
# Without any request, before the first one too.
IDLE_SECONDS = 75.0
# How many connections a process holds, and of them one peer (an address). A proxy is one peer for everybody behind it,
# so a peer's part is large. Where there is no room, the connection that waited longest for a request makes it.
CONNECTIONS = 12_000
PEER_CONNECTIONS = 9_000
# Files that a process opens beside its peers' connections: connections of its own, certificates, the spool.
OWN_FILES = 512


@dataclass(frozen=True)
class Limits:
    """How many connections there may be in all, and of one peer."""

    connections: int
    peer: int


def raise_open_files() -> Limits:
    """The limits that this process can keep, after its limit of open files was raised as far as it may be.

    A connection may need a second file: that of the stream or the call it is passed on to.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS + OWN_FILES
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if allowed > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    most = max(1, (max(soft, allowed) - OWN_FILES) // 2)
    return Limits(min(CONNECTIONS, most), min(PEER_CONNECTIONS, max(1, most * 3 // 4)))

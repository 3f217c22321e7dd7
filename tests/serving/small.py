"""Limits that a test can reach, by their names in the platform's code."""

SMALL = {
    "HEADER_SECONDS": 1.0,
    "BODY_SECONDS": 1.0,
    "WRITE_SECONDS": 2.0,
    "IDLE_SECONDS": 3.0,
    "BODIES_BYTES": 3 * 1024 * 1024,
    "PEER_BODIES_BYTES": 2 * 1024 * 1024,
    "CONNECTIONS": 60,
    "PEER_CONNECTIONS": 40,
}
IDLE_SECONDS, CONNECTIONS, PEER_CONNECTIONS = (SMALL[n] for n in ("IDLE_SECONDS", "CONNECTIONS", "PEER_CONNECTIONS"))

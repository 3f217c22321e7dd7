"""Look up TXT records, and tell a name without records from servers that do not answer."""

from __future__ import annotations

from collections.abc import Sequence

import dns.exception
import dns.resolver

# Of one question, however many servers are asked.
SECONDS = 5.0


class Unanswered(Exception):
    """No server gave an answer. The message says so for whoever owns the name."""


class Resolver:
    """:param servers: addresses, with a port after "#" where it is not 53; empty: those of this machine."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        self._resolver.lifetime = SECONDS
        # Whoever sets a record looks again at once, and so do we.
        self._resolver.cache = None
        if servers:
            addresses = [server.partition("#") for server in servers]
            self._resolver.nameservers = [address for address, _, _ in addresses]
            self._resolver.nameserver_ports = {address: int(port) for address, _, port in addresses if port}

    def texts(self, name: str) -> list[str]:
        """The TXT records of a name, aliases (CNAME) followed; none where it has none. :raise Unanswered: no answer."""
        try:
            answer = self._resolver.resolve(f"{name}.", "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise Unanswered(f"the name servers of {name} don't answer ({type(error).__name__})") from error
        return [b"".join(record.strings).decode(errors="replace") for record in answer]

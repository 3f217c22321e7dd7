"""Look up TXT records, and distinguish a name without records from servers that do not respond."""

from __future__ import annotations

from collections.abc import Sequence

import dns.exception
import dns.resolver

# In seconds, for one query, however many servers are asked.
SECONDS = 5.0


class Unanswered(Exception):
    """No server responded. The message is written for the owner of the name."""


class Resolver:
    """A resolver of TXT records.

    :param servers: addresses, with a port after "#" if it is not 53; empty: those of this machine.
    """

    def __init__(self, servers: Sequence[str]) -> None:
        self._resolver = dns.resolver.Resolver(configure=not servers)
        self._resolver.lifetime = SECONDS
        # No cache: whoever sets a record wants it to be checked again at once.
        self._resolver.cache = None
        if servers:
            addresses = [server.partition("#") for server in servers]
            self._resolver.nameservers = [address for address, _, _ in addresses]
            self._resolver.nameserver_ports = {address: int(port) for address, _, port in addresses if port}

    def texts(self, name: str) -> list[str]:
        """Return the TXT records of a name, following aliases (CNAME); empty if it has none.

        :raise Unanswered: no server responded.
        """
        try:
            answer = self._resolver.resolve(f"{name}.", "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except dns.exception.DNSException as error:
            raise Unanswered(f"the name servers of {name} don't answer ({type(error).__name__})") from error
        return [b"".join(record.strings).decode(errors="replace") for record in answer]

"""A real DNS server on loopback, whose records a test sets."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from dnslib import CNAME, QTYPE, RCODE, RR, TXT
from dnslib.server import BaseResolver, DNSLogger, DNSServer

from tests.cluster.processes import free_ports

HOST = "127.0.0.1"


class Names(BaseResolver):  # type: ignore[misc]
    """Answers over UDP and TCP while entered. ``texts`` and ``aliases`` are its records, by name."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        self.refuses = False
        self.port = free_ports(1)[0]
        quiet = DNSLogger(log="-request,-reply,-truncated,-error,-recv,-send,-data")
        self._servers = [DNSServer(self, HOST, self.port, tcp=tcp, logger=quiet) for tcp in (False, True)]

    @property
    def address(self) -> str:
        """Its address, in the form of the setting ``resolvers``."""
        return f"{HOST}#{self.port}"

    def __enter__(self) -> Self:
        for server in self._servers:
            server.start_thread()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.stop()
            server.server.server_close()

    def resolve(self, request: Any, _handler: Any) -> Any:
        """Return the answer to one query."""
        reply = request.reply()
        name = str(request.q.qname).rstrip(".")
        if self.refuses:
            reply.header.rcode = RCODE.SERVFAIL
            return reply
        while alias := self.aliases.get(name):
            reply.add_answer(RR(name, QTYPE.CNAME, rdata=CNAME(alias), ttl=60))
            name = alias
        found = self.texts.get(name)
        if found is None:
            reply.header.rcode = RCODE.NXDOMAIN
        for text in found or []:
            parts = [text[start : start + 255].encode() for start in range(0, len(text), 255)] or [b""]
            reply.add_answer(RR(name, QTYPE.TXT, rdata=TXT(parts), ttl=60))
        return reply

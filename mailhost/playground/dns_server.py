"""A DNS server on loopback, made from twisted.names, whose records may change at any time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.names import dns, error, server

Records = Mapping[str, Sequence[Sequence[Any]]]
TTL = 60
_MAKE: Mapping[str, Callable[..., Any]] = {
    "A": lambda address: dns.Record_A(address, TTL),
    "AAAA": lambda address: dns.Record_AAAA(address, TTL),
    "MX": lambda preference, host: dns.Record_MX(preference, host.rstrip("."), TTL),
    "CNAME": lambda host: dns.Record_CNAME(host, TTL),
    "TXT": lambda *strings: dns.Record_TXT(*(each.encode("latin-1") for each in strings), ttl=TTL),
    "PTR": lambda host: dns.Record_PTR(host, TTL),
    "NS": lambda host: dns.Record_NS(host, TTL),
    "SRV": lambda priority, weight, port, target: dns.Record_SRV(
        priority, weight, port, target.rstrip("."), TTL
    ),
    "TLSA": lambda *parts: _unknown(_TLSA, bytes(parts[:3]) + bytes.fromhex(parts[3])),
    "CAA": lambda flags, tag, value: _unknown(
        _CAA, bytes([flags, len(tag)]) + f"{tag}{value}".encode()
    ),
}


class _TLSA(dns.UnknownRecord):
    """A TLSA record, which twisted.names does not know."""

    TYPE = 52  # type: ignore[assignment] # None for a record that is only decoded


class _CAA(dns.UnknownRecord):
    """A CAA record, which twisted.names does not know."""

    TYPE = 257  # type: ignore[assignment] # as above


def _unknown(kind: type[Any], octets: bytes) -> Any:
    return kind(octets, TTL)


class _Factory(server.DNSServerFactory):
    """Says SERVFAIL without writing to the log, and sends no more over UDP than fits there."""

    noisy = False
    authenticates = False
    authoritative = True

    def sendReply(self, protocol: Any, message: Any, address: Any) -> None:
        message.maxSize = 512 if address else 0  # RFC 1035 §4.2.1
        message.authenticData = self.authenticates
        message.auth = self.authoritative
        super().sendReply(protocol, message, address)  # type: ignore[no-untyped-call]

    def gotResolverError(self, failure: Any, protocol: Any, message: Any, address: Any) -> None:
        if failure.check(error.DomainError):
            super().gotResolverError(  # type: ignore[no-untyped-call]
                failure, protocol, message, address
            )
            return
        response = self._responseFromMessage(  # type: ignore[no-untyped-call]
            message=message, rCode=dns.ESERVER
        )
        self.sendReply(protocol, response, address)


class DNSServer:
    """`records` has `[type, value ...]` rows by name; a row `["SERVFAIL"]` or `["SILENT"]` says
    how to fail. `asked` lists the questions. `authenticates` is for a server that validates, and
    `authoritative` for one that has the zone. Answers may be kept for `seconds`."""

    def __init__(
        self,
        records: Records,
        authenticates: bool = False,
        authoritative: bool = True,
        seconds: int = TTL,
    ) -> None:
        self._seconds = seconds
        self._authenticates = authenticates
        self._authoritative = authoritative
        self.records = dict(records)
        self.silent = False  # True: no question gets an answer
        self.invented = ""  # the address of all names that do not exist, empty for none
        self.asked: list[tuple[str, str]] = []
        self._ports: list[Any] = []

    def start(self, reactor: Any, address: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on UDP and TCP, and return the port; 0 asks for any that is not in use."""
        factory = _Factory(clients=[self])  # type: ignore[no-untyped-call] # Twisted's
        factory.authenticates = self._authenticates
        factory.authoritative = self._authoritative
        tcp = reactor.listenTCP(port, factory, interface=address)
        port = tcp.getHost().port
        udp = reactor.listenUDP(port, dns.DNSDatagramProtocol(factory), interface=address)
        self._ports = [tcp, udp]
        return port

    async def stop(self) -> None:
        """Close both ports."""
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)

    def query(self, query: Any, timeout: Any = None) -> Deferred[Any]:
        """See twisted.internet.interfaces.IResolverSimple: twisted.names calls this for each
        question."""
        name = str(query.name).lower().rstrip(".")
        kind = dns.QUERY_TYPES.get(query.type, str(query.type))
        self.asked.append((kind, name))
        if self.silent:
            return Deferred()
        rows = self.records.get(name)
        if rows is None and self.invented:
            rows = [["A", self.invented]]
        if rows is None:
            return fail(error.DomainError(name))
        if ["SERVFAIL"] in [list(row) for row in rows]:
            return fail(error.ResolverError(name))
        if ["SILENT"] in [list(row) for row in rows]:
            return Deferred()
        answers = [
            dns.RRHeader(name, payload.TYPE, dns.IN, self._seconds, payload)
            for payload in (_MAKE[row[0]](*row[1:]) for row in rows)
            if payload.TYPE in (query.type, dns.CNAME)
        ]
        return succeed((answers, [], []))

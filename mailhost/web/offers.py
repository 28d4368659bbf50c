"""The services that mail programs are set up for: those of the listeners of this host."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.dns_records.from_settings import service_ports

# RFC 8314 §3 prefers TLS from the first octet, and IMAP keeps mail on the server
_READING = (
    ListenProtocol.IMAPS,
    ListenProtocol.IMAP,
    ListenProtocol.POP3S,
    ListenProtocol.POP3,
)
_SENDING = (ListenProtocol.SUBMISSIONS, ListenProtocol.SUBMISSION)


@dataclass(frozen=True, slots=True)
class Offer:
    """One service: "imap", "pop3" or "smtp", its port, and whether TLS begins with the first octet
    (`implicit`) or by STARTTLS."""

    kind: str
    port: int
    implicit: bool


@dataclass(frozen=True, slots=True)
class Offers:
    """The services of a host, the best first: those for reading mail, and for sending it."""

    host: str
    reading: tuple[Offer, ...]
    sending: tuple[Offer, ...]


def offers_of(hostname: str, listeners: Sequence[Listen]) -> Offers:
    """Return the services that other hosts can reach. A host that listens on loopback alone, as the
    demo does, offers its services there."""
    found = Offers(hostname, *_found(listeners, loopback=False))
    if found.reading or found.sending:
        return found
    return Offers(hostname, *_found(listeners, loopback=True))


def _found(
    listeners: Sequence[Listen], loopback: bool
) -> tuple[tuple[Offer, ...], tuple[Offer, ...]]:
    def offers(protocols: Sequence[ListenProtocol]) -> tuple[Offer, ...]:
        ports = ((each, next(service_ports(listeners, each, loopback), 0)) for each in protocols)
        return tuple(Offer(_kind(each), port, each.implicit_tls) for each, port in ports if port)

    return offers(_READING), offers(_SENDING)


def _kind(protocol: ListenProtocol) -> str:
    return "smtp" if protocol in _SENDING else protocol.value.removesuffix("s")

"""Decides which attempts are made at which port: the second probe, the login, and the recipient.

A login and a recipient are tried at only one port for each protocol, so that a wrong password does
not lock the account, and a server that greylists is asked once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mailhost.doctor.server.certificates import may_log_in
from mailhost.doctor.server.dialogue import Asked
from mailhost.doctor.server.record import Kind, Record, Step
from mailhost.doctor.server.services import SERVICES, MailProtocol, Place, Service

_GREETINGS = {
    MailProtocol.SMTP: (b"220", b"421", b"554"),
    MailProtocol.IMAP: (b"* OK", b"* PREAUTH", b"* BYE"),
    MailProtocol.POP3: (b"+OK", b"-ERR"),
}
_TLS_ALERT = b"\x15\x03"


def service_at(port: int, services: Sequence[Service] = SERVICES) -> Service:
    """Return the service that is expected at a port.

    At a port that is not a standard port of mail, SMTP with TLS is tried first: a server without
    implicit TLS sends its greeting at once, while a server with implicit TLS waits for the
    handshake.
    """
    for service in services:
        if service.port == port:
            return service
    return Service(port, MailProtocol.SMTP, implicit_tls=True, guessed=True)


def next_service(record: Record) -> Service | None:
    """Return the service to expect in a second probe of the same port, None for no such probe."""
    trouble, service = record.trouble, record.place.service
    if trouble is None or trouble.step not in (Step.GREETING, Step.HANDSHAKE):
        return None
    if trouble.step is Step.HANDSHAKE:
        return service.with_other_tls if service.implicit_tls else None
    protocol = protocol_of(record.began)
    if protocol not in (None, service.protocol):
        return replace(service, protocol=protocol)
    ended = trouble.kind in (Kind.TIMED_OUT, Kind.LOST, Kind.RESET) and not record.began
    if not service.implicit_tls and (ended or record.began.startswith(_TLS_ALERT)):
        return service.with_other_tls
    return None


def protocol_of(began: bytes) -> MailProtocol | None:
    """Return the protocol of a server by its first octets, None for another protocol."""
    for protocol, beginnings in _GREETINGS.items():
        if began.upper().startswith(beginnings):
            return protocol
    return None


def others_than(named: Service, services: Sequence[Service]) -> Iterator[Service]:
    """Yield the services to try if the service that the operator named does not work."""
    for service in services:
        if service.port != named.port and (named.guessed or service.protocol is named.protocol):
            yield service


def uses(records: Iterable[Record], asked: Asked, now: datetime) -> list[tuple[Place, Asked]]:
    """Return the logins and recipients to try, each with the port."""
    records = list(records)
    found = []
    for protocol in MailProtocol:
        record = login_record(records, protocol, asked, now) if asked.user else None
        if record is not None:
            if may_log_in(record, asked.insecure, now):
                found.append((record.place, replace(asked, recipient=_to(protocol, asked))))
        elif _to(protocol, asked) and (place := recipient_place(records)) is not None:
            found.append((place, replace(asked, user="", password="")))
    return found


def _to(protocol: MailProtocol, asked: Asked) -> str:
    """Return the recipient to name, empty for none."""
    return asked.recipient if protocol is MailProtocol.SMTP else ""


def login_record(
    records: Iterable[Record], protocol: MailProtocol, asked: Asked, now: datetime
) -> Record | None:
    """Return the record of the best port for a login: safe ports come first, and among those ports
    with implicit TLS, then ports with STARTTLS, then port 25. None if no port offers a login."""
    found = [
        record
        for record in records
        if record.place.service.protocol is protocol and record.works and _mechanisms(record)
    ]

    def rank(record: Record) -> tuple[bool, bool, bool]:
        service = record.place.service
        safe = may_log_in(record, asked.insecure, now)
        return not safe, service.between_servers, not service.implicit_tls

    return min(found, key=rank, default=None)


def _mechanisms(record: Record) -> tuple[str, ...]:
    return record.offered.mechanisms if record.offered else ()


def recipient_place(records: Iterable[Record]) -> Place | None:
    """Return the port at which a recipient is tried without a login: port 25 if that works."""
    found = [
        record
        for record in records
        if record.works and record.place.service.protocol is MailProtocol.SMTP
    ]
    best = min(found, key=lambda record: not record.place.service.between_servers, default=None)
    return best.place if best else None

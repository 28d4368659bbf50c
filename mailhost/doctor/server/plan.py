"""Decides what is tried at which port: the second look, the login, and the recipient.

A login and a recipient are tried at one place for each protocol alone, so that a wrong password
does not lock the account, and a server that greylists is asked once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from mailhost.doctor.server.certificates import may_log_in
from mailhost.doctor.server.record import Kind, Record, Step
from mailhost.doctor.server.services import SERVICES, Place, Service, Wire
from mailhost.doctor.server.talk import Asked

_GREETINGS = {
    Wire.SMTP: (b"220", b"421", b"554"),
    Wire.IMAP: (b"* OK", b"* PREAUTH", b"* BYE"),
    Wire.POP3: (b"+OK", b"-ERR"),
}
_TLS_ALERT = b"\x15\x03"


def service_at(port: int, services: Sequence[Service] = SERVICES) -> Service:
    """Return what is expected at a port. At a port that is none of those of mail, SMTP with TLS is
    tried first: a server that does not begin with TLS shows that at once, while one that waits for
    the handshake is silent."""
    for service in services:
        if service.port == port:
            return service
    return Service(port, Wire.SMTP, implicit_tls=True, guessed=True)


def next_look(record: Record) -> Service | None:
    """Return the service to expect in a second probe of the same port, None for no such probe."""
    trouble, service = record.trouble, record.place.service
    if trouble is None or trouble.step not in (Step.GREETING, Step.HANDSHAKE):
        return None
    if trouble.step is Step.HANDSHAKE:
        return service.with_other_tls if service.implicit_tls else None
    wire = wire_of(record.began)
    if wire not in (None, service.wire):
        return replace(service, wire=wire)
    ended = trouble.kind in (Kind.TIMED_OUT, Kind.LOST, Kind.RESET) and not record.began
    if not service.implicit_tls and (ended or record.began.startswith(_TLS_ALERT)):
        return service.with_other_tls
    return None


def wire_of(began: bytes) -> Wire | None:
    """Return the protocol that a server speaks by its first octets, None for another one."""
    for wire, beginnings in _GREETINGS.items():
        if began.upper().startswith(beginnings):
            return wire
    return None


def others_than(named: Service, services: Sequence[Service]) -> Iterator[Service]:
    """Yield the services to try where the one that the operator named does not work."""
    for service in services:
        if service.port != named.port and (named.guessed or service.wire is named.wire):
            yield service


def uses(records: Iterable[Record], asked: Asked, now: datetime) -> list[tuple[Place, Asked]]:
    """Return what is tried at which place, beyond what the server offers."""
    records = list(records)
    found = []
    for wire in Wire:
        record = login_record(records, wire, asked, now) if asked.user else None
        if record is not None:
            if may_log_in(record, asked.insecure, now):
                found.append((record.place, replace(asked, recipient=_to(wire, asked))))
        elif _to(wire, asked) and (place := recipient_place(records)) is not None:
            found.append((place, replace(asked, user="", password="")))
    return found


def _to(wire: Wire, asked: Asked) -> str:
    """Return the recipient to name, empty for none."""
    return asked.recipient if wire is Wire.SMTP else ""


def login_record(
    records: Iterable[Record], wire: Wire, asked: Asked, now: datetime
) -> Record | None:
    """Return the record of the best place to log in: a safe one, and among those one with TLS from
    the beginning, before one with STARTTLS, before one between servers. None if nothing offers a
    login."""
    found = [
        record
        for record in records
        if record.place.service.wire is wire and record.works and _mechanisms(record)
    ]

    def rank(record: Record) -> tuple[bool, bool, bool]:
        service = record.place.service
        safe = may_log_in(record, asked.insecure, now)
        return not safe, service.between_servers, not service.implicit_tls

    return min(found, key=rank, default=None)


def _mechanisms(record: Record) -> tuple[str, ...]:
    return record.offered.mechanisms if record.offered else ()


def recipient_place(records: Iterable[Record]) -> Place | None:
    """Return the place at which a recipient is tried without a login: as another mail server would
    if that is possible."""
    found = [
        record for record in records if record.works and record.place.service.wire is Wire.SMTP
    ]
    best = min(found, key=lambda record: not record.place.service.between_servers, default=None)
    return best.place if best else None

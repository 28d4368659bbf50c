"""Findings about connections: names without addresses, servers and ports that do not answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown, warning
from mailhost.doctor.network.resolvers import RESOLVER_SILENT
from mailhost.doctor.server.findings.note import NO_TITLE, Note
from mailhost.doctor.server.record import Kind, Record
from mailhost.doctor.server.services import MailProtocol
from mailhost.doctor.server.survey import Surveyed

NAME_MISSING = Fault("server-name-missing", "Without an address no connection can be made.")
NAME_UNRESOLVED = Fault(
    "server-name-unresolved",
    "Without an answer of DNS the address of the server is not known.",
    explained_by=(RESOLVER_SILENT,),
)
SILENT = Fault("server-silent", "No port of the server answers, so no mail can be sent or read.")
REFUSES = Fault(
    "server-refuses", "The machine answers, and no mail server listens at any of the ports."
)
UNREACHABLE = Fault("server-unreachable", "The network has no route to the server.")
ADDRESS_DEAD = Fault(
    "server-address-dead",
    "Mail programs that choose this address first wait a long time before they try another.",
)
PORT_CLOSED = Fault("port-closed", "No server listens at the port that was named.")
PORT_SILENT = Fault(
    "port-silent", "A firewall between this machine and the server drops packets to this port."
)
PORT_25_BLOCKED = Fault(
    "port-25-blocked",
    "Most access providers block port 25, the only port on which mail servers accept mail from "
    "each other.",
)
_SMARTHOST = ("[[relay.route]]", 'via = "smtp.provider.example:587"')
_CLOSED_TEXTS = {
    Kind.REFUSED: "closed, no server listens there",
    Kind.TIMED_OUT: "no answer, closed by a firewall",
}


def name_finding(surveyed: Surveyed) -> Finding:
    """Return the finding about a name that led to no address."""
    tried = f"the addresses of {surveyed.wanted.host}"
    if surveyed.unknown_name:
        remedy = "Compare the server name in the mail program with that of the provider."
        return failure(NAME_MISSING, tried, surveyed.unresolved, remedy)
    remedy = "Try again; if this stays, check the DNS servers in /etc/resolv.conf."
    return unknown(NAME_UNRESOLVED, tried, surveyed.unresolved, remedy)


def connection_notes(surveyed: Surveyed) -> Iterator[Note]:
    """Yield the notes about ports to which no connection was made."""
    everything = [*surveyed.records, *surveyed.others]
    alive = {record.place.address for record in everything if record.connected}
    if not alive:
        yield from _nothing_answers(everything)
        return
    for record in surveyed.records:
        if record.connected:
            continue
        if record.place.address not in alive:
            yield Note(record.place, _dead(record))
        elif surveyed.wanted.port is not None:
            yield Note(record.place, _named(record))
        elif _is_blocked(record, everything):
            yield Note(record.place, _blocked(warning_only=True))
        else:
            text = _CLOSED_TEXTS.get(_kind(record), "closed")
            yield Note(record.place, ok(NO_TITLE, text))


def _kind(record: Record) -> Kind:
    return record.trouble.kind if record.trouble else Kind.RESET


def _nothing_answers(records: Sequence[Record]) -> Iterator[Note]:
    kinds = {_kind(record) for record in records}
    if Kind.TIMED_OUT in kinds:
        seen = "no answer at any port"
        remedy = "Check server name and network; ask the server's operator whether it runs."
        finding = failure(SILENT, NO_TITLE, seen, remedy)
    elif kinds == {Kind.UNREACHABLE}:
        remedy = "Check the network of this machine: cable or WLAN, default route, IPv6."
        finding = failure(UNREACHABLE, NO_TITLE, "no route to the address", remedy)
    else:
        remedy = "Check the server name; start the mail server, or open its ports in the firewall."
        finding = failure(REFUSES, NO_TITLE, "connection refused", remedy)
    yield from (Note(record.place, finding) for record in records)


def _dead(record: Record) -> Finding:
    """Return the finding about an address at which nothing answers, while another address works."""
    if _kind(record) is Kind.UNREACHABLE:
        return ok(NO_TITLE, "not tried: this machine has no route to the address; others work")
    if record.place.on_loopback:
        return ok(NO_TITLE, "closed, other addresses of this machine work")
    remedy = "Make the server listen at this address too, or remove the address from DNS."
    return warning(ADDRESS_DEAD, NO_TITLE, "no connection, while other addresses work", remedy)


def _named(record: Record) -> Finding:
    kind = _kind(record)
    if kind is Kind.TIMED_OUT and record.place.service.between_servers:
        return _blocked(warning_only=False)
    if kind is Kind.TIMED_OUT:
        remedy = "Open the port in all firewalls on the path, or use another port."
        return failure(PORT_SILENT, NO_TITLE, "no answer, while other ports answer", remedy)
    remedy = "Compare the port in the mail program with that of the provider."
    return failure(PORT_CLOSED, NO_TITLE, "connection refused, while other ports answer", remedy)


def _is_blocked(record: Record, everything: Sequence[Record]) -> bool:
    """Return True if port 25 times out while other ports answer on which the server takes mail."""
    if not record.place.service.between_servers or _kind(record) is not Kind.TIMED_OUT:
        return False
    return any(
        each.connected
        for each in everything
        if each.place.address == record.place.address
        and each.place.service.protocol is MailProtocol.SMTP
    )


def _blocked(warning_only: bool) -> Finding:
    seen = "no answer, while other ports of the server answer"
    remedy = (
        "Mail programs use port 465 or 587 instead. A mail server asks its provider to open port "
        "25, or sends through a smarthost:"
    )
    make = warning if warning_only else failure
    return make(PORT_25_BLOCKED, NO_TITLE, seen, remedy, *_SMARTHOST)

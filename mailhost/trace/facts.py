"""Turns events into facts, which the trace keeps: values of JSON with short names. The most
frequent events are in `quick_facts`.

`story` and `timeline` read them. A name that was released keeps its meaning, so that a newer
mailhost can read what an older one has written. Empty values are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from mailhost.interfaces.events import (
    Authenticated,
    Command,
    Commanded,
    Event,
    Filtered,
    LoginRefused,
    Parked,
    PassedOn,
    Queued,
    Refused,
    Reported,
    Unsigned,
)
from mailhost.interfaces.tls_sessions import TLSSession
from mailhost.interfaces.verdict import Decision
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.trace import marks
from mailhost.trace.limits import LONGEST_TEXT, MOST_RECIPIENTS

_READING = ("pop3", "pop3s", "imap", "imaps")  # protocols by which no message is sent

Facts: TypeAlias = dict[str, Any]
Kept: TypeAlias = tuple[str, int, Facts]
"""The name of a message (its identity, or that of the session where there is none), marks, and the
facts."""


def facts_of(event: Event) -> Kept | None:
    """Return the facts about an event, None for an event that is not about a message that is
    sent."""
    make = _MAKERS.get(type(event))
    return make(event) if make is not None else None


def _refused(event: Refused) -> Kept | None:
    client = event.client
    if client.protocol in _READING:
        return None
    facts: Facts = {"event": "refused", "what": event.what}
    if event.identity:
        facts["from"] = _path(event.reverse_path)
        _add_recipients(facts, event.recipients)
    _add_status(facts, event.status)
    _add_client(facts, client)
    return event.identity or _session(client), marks.REFUSED, facts


def _login_refused(event: LoginRefused) -> Kept | None:
    client = event.client
    if client.protocol in _READING:
        return None
    facts: Facts = {"event": "refused", "what": "login"}
    _add(facts, "username", event.username)
    _add_status(facts, event.status)
    _add_client(facts, client)
    return _session(client), marks.REFUSED, facts


def _filtered(event: Filtered) -> Kept | None:
    found, client, envelope = event.finding, event.client, event.envelope
    if client.protocol in _READING:
        return None
    facts: Facts = {"event": "filtered", "filter": found.filter, "decision": found.decision.value}
    _add(facts, "reason", found.reason[:LONGEST_TEXT])
    _add(facts, "observed", found.observed)
    if envelope is not None:
        facts["from"] = _path(envelope.reverse_path)
        if event.recipient is not None:
            facts["to"] = [str(event.recipient.address)]
        elif envelope.recipients:
            _add_recipients(facts, tuple(each.address for each in envelope.recipients))
    _add_client(facts, client)
    discarded = found.decision is Decision.DISCARD and not found.observed
    mark = marks.DISCARDED if discarded else 0
    return event.identity or _session(client), mark, facts


def _authenticated(event: Authenticated) -> Kept:
    found = event.authentication
    facts: Facts = {"event": "authenticated", "results": found.summary[:LONGEST_TEXT]}
    _add(facts, "treated", "" if found.applied.value == "none" else found.applied.value)
    _add(facts, "reason", found.reason[:LONGEST_TEXT])
    return event.identity, 0, facts


def _queued(event: Queued) -> Kept:
    facts: Facts = {"event": "queued", "from": _path(event.reverse_path)}
    _add_recipients(facts, event.recipients)
    _add(facts, "held", event.held[:LONGEST_TEXT])
    return event.identity, marks.QUARANTINED if event.held else marks.QUEUED, facts


def _passed_on(event: PassedOn) -> Kept:
    facts: Facts = {"event": "passed on", "by": event.server}
    _add_status(facts, event.status)
    return event.identity, marks.PASSED_ON, facts


def _reported(event: Reported) -> Kept:
    facts: Facts = {"event": "reported", "kind": event.kind, "to": [str(event.to)]}
    _add(facts, "own", event.own)
    return event.identity, 0, facts


def _parked(event: Parked) -> Kept:
    facts: Facts = {"event": "parked", "reason": event.reason[:LONGEST_TEXT]}
    return event.identity, marks.PARKED, facts


_MARK_OF_COMMAND = {
    Command.RETRIED: 0,
    Command.HELD: marks.HELD,
    Command.RELEASED: marks.QUEUED,
    Command.REMOVED: marks.REMOVED,
    Command.BOUNCED: marks.REMOVED,
}


def _commanded(event: Commanded) -> Kept:
    facts: Facts = {"event": "commanded", "command": str(event.command)}
    _add_recipients(facts, event.recipients)
    return event.identity, _MARK_OF_COMMAND[event.command], facts


def session_name(domain: str, host: str) -> str:
    """Return the name under which TLS sessions are kept: those for mail to `domain` with a host,
    which is written as attempts have it; empty where no host was connected to."""
    return f"TLS {domain} {host}".rstrip()


def _tls_session(event: TLSSession) -> Kept:
    host = f"{event.mx} [{event.ip}]" if event.mx else ""
    facts: Facts = {"event": "tls", "domain": event.domain, "decided": event.decided}
    _add(facts, "by", host)
    if event.tls is not None:
        facts["tls"] = f"{event.tls.version} {event.tls.cipher}"
    if event.failure is not None:
        facts["failure"] = str(event.failure)
        _add(facts, "delivered", event.delivered)
        _add(facts, "reason", event.reason[:LONGEST_TEXT])
    return session_name(event.domain, host), marks.TLS_SESSION, facts


def _unsigned(event: Unsigned) -> Kept:
    facts: Facts = {"event": "unsigned", "domain": event.domain, "reason": event.reason}
    return event.identity, 0, facts


_MAKERS: Mapping[type[Event], Callable[[Any], Kept | None]] = {
    Refused: _refused,
    LoginRefused: _login_refused,
    Filtered: _filtered,
    Authenticated: _authenticated,
    Queued: _queued,
    PassedOn: _passed_on,
    Reported: _reported,
    Parked: _parked,
    Unsigned: _unsigned,
    Commanded: _commanded,
    TLSSession: _tls_session,
}
OTHER_KINDS = frozenset(_MAKERS)
"""The kinds of events that have facts here."""


def _session(client: Client) -> str:
    return client.session or "-"


def _path(address: Address | None) -> str:
    return str(address) if address is not None else ""


def _add(facts: Facts, name: str, value: object) -> None:
    if value:
        facts[name] = value


def _add_recipients(facts: Facts, recipients: tuple[Address, ...]) -> None:
    facts["to"] = [*map(str, recipients[:MOST_RECIPIENTS])]
    if len(recipients) > MOST_RECIPIENTS:
        facts["more"] = len(recipients) - MOST_RECIPIENTS


def _add_status(facts: Facts, status: Status) -> None:
    """Add a reply, its cause, and the reply of the other host unless the former has it."""
    text = str(status)[:LONGEST_TEXT]
    if status.answer is not None:
        text = " ".join(text.split())
        said = " ".join(str(status.answer)[:LONGEST_TEXT].split())
        if said not in text:
            facts["said"] = said
    facts["status"] = text
    if status.cause:
        facts["cause"] = status.cause[:LONGEST_TEXT]


def _add_client(facts: Facts, client: Client) -> None:
    facts["protocol"] = client.protocol
    if client.ip:
        facts["ip"] = client.ip
        facts["port"] = client.port
    facts["session"] = client.session
    if client.hello:
        facts["hello"] = client.hello
    if client.tls is not None:
        facts["tls"] = f"{client.tls.version} {client.tls.cipher}"
    if client.account is not None:
        facts["account"] = str(client.account)

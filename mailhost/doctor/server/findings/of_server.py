"""All findings about a server, from the records of a survey."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mailhost.doctor.finding import Finding, ok
from mailhost.doctor.server.findings.connections import (
    PORT_CLOSED,
    PORT_SILENT,
    connection_notes,
    name_finding,
)
from mailhost.doctor.server.findings.encryption import (
    HANDSHAKE_FAILED,
    STARTTLS_HIDDEN,
    STARTTLS_MISSING,
    encryption_notes,
)
from mailhost.doctor.server.findings.greeting import (
    CONNECTION_LOST,
    STALLED,
    WRONG_SERVICE,
    greeting_notes,
)
from mailhost.doctor.server.findings.logins import login_notes
from mailhost.doctor.server.findings.mail_programs import security_of, settings_lines
from mailhost.doctor.server.findings.note import Note, merged
from mailhost.doctor.server.findings.policies import policy_notes
from mailhost.doctor.server.findings.recipients import recipient_notes
from mailhost.doctor.server.record import Record
from mailhost.doctor.server.survey import Surveyed

# faults that another port does not have
_CURED = frozenset(
    {
        PORT_CLOSED,
        PORT_SILENT,
        STALLED,
        CONNECTION_LOST,
        WRONG_SERVICE,
        STARTTLS_HIDDEN,
        STARTTLS_MISSING,
        HANDSHAKE_FAILED,
    }
)


def findings_of_server(surveyed: Surveyed) -> Sequence[Finding]:
    """Return the findings. If the port that the operator named cannot be used and another port
    works, they have the settings of the mail program for the other port."""
    if surveyed.unresolved:
        return [name_finding(surveyed)]
    secrets = surveyed.wanted.asked.secrets
    findings = merged(_notes(surveyed))
    if surveyed.others:
        findings = [_with_other_port(finding, surveyed) for finding in findings]
    if surveyed.left_out:
        left = f"{surveyed.left_out} more were not tried"
        findings.append(ok(f"the addresses of {surveyed.wanted.host}", left))
    return [
        replace(each, seen=secrets.hide(each.seen), copy=tuple(map(secrets.hide, each.copy)))
        for each in findings
    ]


def _notes(surveyed: Surveyed) -> Iterator[Note]:
    for record in surveyed.records:
        if record.connected:
            yield from greeting_notes(record)
            yield from encryption_notes(record, surveyed.now)
    yield from policy_notes(surveyed)
    yield from connection_notes(surveyed)
    yield from login_notes(surveyed)
    yield from recipient_notes(surveyed)


def _with_other_port(finding: Finding, surveyed: Surveyed) -> Finding:
    """Return a finding about the named port with the port that works as its remedy, unless its
    remedy has settings."""
    best = min(filter(_serves_users, surveyed.others), key=_rank, default=None)
    if finding.fault not in _CURED or finding.copy or best is None:
        return finding
    service = best.place.service
    remedy = f"Port {service.port} with {security_of(service)} works. In the mail program set:"
    return replace(finding, remedy=remedy, copy=settings_lines(surveyed.wanted.host, service))


def _serves_users(record: Record) -> bool:
    return record.serves and not record.place.service.between_servers


def _rank(record: Record) -> bool:
    return not record.place.service.implicit_tls

"""Writes a line of JSON for each message that arrived whole, or was refused by a filter before."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink
from mailhost.interfaces.filters import IFilter, IWitness
from mailhost.interfaces.verdict import PASS, Finding, Mail, Stage, Verdict
from mailhost.message.content import Content
from mailhost.message.header import values
from mailhost.message.status import Status

Line = tuple[dict[str, Any], Content]


@implementer(IFilter, IWitness)
class EventsFilter:
    """Appends lines to the file at `path`.

    The file is opened for each write, so that other programs may rename it at any time. A thread
    writes the lines; lines that come meanwhile are written together afterwards. Lines that cannot
    be written are lost, and the fault is logged.
    """

    stages: Sequence[Stage] = ()
    _log = Logger("mailhost.filters")

    def __init__(
        self, path: str, clock: IReactorTime, in_thread: InThread, events: IEventSink
    ) -> None:
        self._path = path
        self._clock = clock
        self._in_thread = in_thread
        self._events = events
        self._lines: list[Line] = []
        self._writing = False
        self._last_fault = ""

    def look(self, mail: Mail) -> Verdict:
        """See IFilter. The filter has no stage, so it is never asked."""
        return PASS

    def ended(self, mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status]) -> None:
        """See IWitness."""
        event = message_event(mail, findings, statuses, datetime.now(UTC))
        self._lines.append((event, mail.content))
        if not self._writing:
            self._writing = True
            self._clock.callLater(0, lambda: Deferred.fromCoroutine(self._write()))

    async def _write(self) -> None:
        while self._lines:
            lines, self._lines = self._lines, []
            try:
                await self._in_thread(lambda lines=lines: self._append(lines))  # type: ignore[misc]
                self._last_fault = ""
            except OSError as error:
                if str(error) != self._last_fault:
                    self._events.emit(Faulted(f"events {self._path}", str(error)))
                self._last_fault = str(error)
            except Exception:  # noqa: BLE001 - a bug must not stop the writing of later lines
                self._log.failure(f"Lines for {self._path} are lost")
        self._writing = False

    def _append(self, lines: Sequence[Line]) -> None:
        # a lone surrogate becomes an escape that is valid in JSON too
        text = memoryview("".join(map(_written, lines)).encode("utf-8", "backslashreplace"))
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            while text:
                text = text[os.write(fd, text) :]
        finally:
            os.close(fd)


def message_event(
    mail: Mail, findings: Sequence[Finding], statuses: Sequence[Status], now: datetime
) -> dict[str, Any]:
    """Return the values of the line, without those from the header section of the message."""
    client, envelope = mail.client, mail.envelope
    return {
        "time": now.isoformat(timespec="milliseconds"),
        "id": mail.identity,
        "session": client.session,
        "listener": client.protocol,
        "client": client.ip,
        "hello": client.hello,
        "tls": client.tls.version if client.tls else None,
        "account": str(client.account) if client.account else None,
        "sender": str(envelope.reverse_path or ""),
        "recipients": [str(path.address) for path in envelope.recipients],
        "size": mail.content.size,
        "tags": sorted(mail.tags),
        "findings": [_finding(finding) for finding in findings],
        "answers": [str(status) for status in statuses],
        "accepted": all(status.ok for status in statuses),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "filter": finding.filter,
        "stage": finding.stage.name.lower(),
        "decision": str(finding.decision),
        "reason": finding.reason,
        "observed": finding.observed,
    }


def _written(line: Line) -> str:
    event, content = line
    header = content.header()
    for key, name in (("message_id", "Message-ID"), ("subject", "Subject")):
        event[key] = next(iter(values(header, name)), None)
    return json.dumps(event, ensure_ascii=False) + "\n"

"""Notices renewed certificate files, and uses them without a reload.

The files are examined each minute. New ones are used for connections made from then on, in all
processes; no connection is closed. A pair that cannot be used is logged once, and the former one
stays in use; other pairs are renewed nevertheless. Such a pair is logged only when the next check
finds it unchanged, since ACME clients replace one file after the other. The findings of
`certificate_checks` are logged at the start and once a day.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.interfaces.events import Faulted, IEventSink, Notice, Warned
from mailhost.net.tls.certificate import (
    BadCertificate,
    CertificateFiles,
    Mark,
    current_time,
    mark_of,
    read_certificate,
)
from mailhost.net.tls.certificate_checks import findings
from mailhost.net.tls.server import ServerTLS

CHECK_INTERVAL = 60.0  # seconds
CHECKS_A_DAY = 24 * 60
WHERE = "certificates"

Marks = tuple[Mark | None, ...]


class CertificateWatch:
    """The head of a host has one. `renewed` is called when other certificates are in use, and
    `hostname` returns the name that they should be for. `end_is_watched` is true for a file whose
    certificate another service warns of before it ends."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        tls: ServerTLS,
        events: IEventSink,
        hostname: Callable[[], str],
        renewed: Callable[[], None],
        end_is_watched: Callable[[str], bool],
        now: Callable[[], datetime] = current_time,
    ) -> None:
        self._in_thread = in_thread
        self._tls = tls
        self._events = events
        self._hostname = hostname
        self._renewed = renewed
        self._end_is_watched = end_is_watched
        self._now = now
        self._checks = 0
        self._broken: Marks | None = None  # files that could not be used at the last check
        self._logged: Marks | None = None  # files that were logged as broken
        self._rounds = Rounds(clock, CHECK_INTERVAL, self._check, self._failed)

    def start(self) -> None:
        """Begin now, as the user who is to read the renewed files."""
        self._rounds.start()

    def stop(self) -> None:
        """Examine the files no more."""
        self._rounds.stop()

    def log_findings(self) -> None:
        """Log the findings about the certificates in use."""
        Deferred.fromCoroutine(self._log_found()).addErrback(self._failed)

    async def _check(self) -> None:
        if self._checks % CHECKS_A_DAY == 0:
            self.log_findings()
        self._checks += 1
        await self._compare(first=self._checks == 1)

    def _failed(self, failure: Failure) -> None:
        self._events.emit(Faulted(WHERE, failure.getErrorMessage()))

    async def _log_found(self) -> None:
        certificates = self._tls.certificates
        work = partial(findings, certificates, self._hostname(), self._now())
        for finding in await self._in_thread(work):
            if not (finding.is_end and self._end_is_watched(finding.path)):
                self._events.emit(Warned(WHERE, finding.text))

    async def _compare(self, first: bool) -> None:
        """The first check reads the files even if they are unchanged: root may have opened them,
        and the user that the host has become since may not be able to."""
        used = self._tls.certificates
        marks = await self._in_thread(partial(marks_now, used))
        if marks == _marks(used) and not first:
            self._broken = self._logged = None
            return
        found, broken = await self._in_thread(partial(_read_again, used))
        try:
            if _marks(found) != _marks(used) and used is self._tls.certificates:
                self._tls.use(found, self._tls.minimums)
                self._take_note(found)
        except BadCertificate as bad:
            broken.append(str(bad))
        if broken:
            self._note_broken(marks, "; ".join(broken), first)

    def _take_note(self, found: Sequence[CertificateFiles]) -> None:
        self._broken = self._logged = None
        until = min(files.chain[0].not_valid_after_utc for files in found)
        self._events.emit(Notice(f"renewed certificates are in use, valid until {until:%Y-%m-%d}"))
        self._renewed()
        self.log_findings()

    def _note_broken(self, marks: Marks, bad: str, first: bool) -> None:
        again = marks == self._broken or first
        self._broken = marks
        if again and marks != self._logged:
            self._logged = marks
            self._events.emit(Faulted(WHERE, f"{bad}. The certificates read before stay in use"))


def marks_now(certificates: Sequence[CertificateFiles]) -> Marks:
    """Return what the files look like now. Blocks for the disk."""
    return tuple(mark_of(path) for files in certificates for path in files.paths)


def _marks(certificates: Sequence[CertificateFiles]) -> Marks:
    return tuple(mark for files in certificates for mark in files.marks)


def _read_again(
    certificates: Sequence[CertificateFiles],
) -> tuple[tuple[CertificateFiles, ...], list[str]]:
    """Return the certificates in the files now, and the faults of pairs that cannot be used. The
    former certificate of such a pair is returned in its place. Blocks for the disk."""
    found, broken = list[CertificateFiles](), list[str]()
    for files in certificates:
        try:
            found.append(read_certificate(*files.paths) if files.paths else files)
        except BadCertificate as bad:
            found.append(files)
            broken.append(str(bad))
    return tuple(found), broken

"""Reads the reports that came in, from time to time, and keeps them in the database.

A message that is no report about a domain of this host is delivered to a person: to the account
with the address for reports, or to the admin. While neither exists, the message waits. A message is
removed only when its report, or the message itself, is safe elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from mailhost.concurrency.threads import InThread
from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.received import forget_old, keep_report
from mailhost.dmarc_reports.report import AggregateReport, BadReport
from mailhost.dmarc_reports.unpack import LARGEST_MESSAGE, xml_of_message
from mailhost.interfaces.accounts import Account, DirectoryView
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.store import IMailbox, IMailStore, StoredMessage
from mailhost.message.address import Address
from mailhost.message.authentication_results import is_junk
from mailhost.message.content import Content
from mailhost.message.header import values
from mailhost.message.status import Status

PERIOD = 10.0  # seconds between two rounds
RETRY = 3600.0  # seconds until a message that cannot be kept or delivered is tried again
WAITING = Status(451, "4.3.0", "it waits, as there is neither an account of this name nor an admin")
LONGEST_PERIOD = 32 * 86_400.0  # seconds of a report that is believed
_DAY = 86_400.0
_LONGEST_NAME = 100  # characters of the name of a reporter in the log


@dataclass(frozen=True, slots=True)
class ReportPlaces:
    """What the reader uses in one generation of the settings: the Maildir of reports, the mailboxes
    of persons, the directory's newest view, the admin, and the name of this host."""

    incoming: IMailbox
    store: IMailStore
    view: Callable[[], DirectoryView]
    admin: Address | None
    hostname: str

    def person(self, header: bytes) -> Account | None:
        """Return the account that gets a message that is no report, None for none."""
        view = self.view()
        found = values(header, "Delivered-To")
        local, _, domain = (found[0] if found else "").strip(" <>").rpartition("@")
        own = view.account(Address(local, domain)) if domain else None
        return own or (view.account(self.admin) if self.admin else None)


class ReportReader:
    """The head has it. `places` returns what the present settings say; `data` is the data folder,
    `wall` gives seconds since 1970."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        data: str,
        places: Callable[[], ReportPlaces],
        events: IEventSink,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._data = data
        self._places = places
        self._events = events
        self._wall = wall
        self._tidied_at: float | None = None
        self._later: dict[str, float] = {}  # when each message that waits is tried again, by name
        self._periodic = LoopingCall(self._round)
        self._periodic.clock = clock

    def start(self) -> None:
        """Read now and from time to time."""
        self._periodic.start(PERIOD)

    def stop(self) -> None:
        """Begin no further round."""
        if self._periodic.running:
            self._periodic.stop()

    def _round(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._read_all())

    async def _read_all(self) -> None:
        places = self._places()
        try:
            messages = await places.incoming.messages()
            names = {message.unique for message in messages}
            self._later = {name: at for name, at in self._later.items() if name in names}
            for message in messages:
                if not self._periodic.running:
                    return
                if self._later.get(message.unique, 0.0) > self._clock.seconds():
                    continue
                if not await self._read(places, message):
                    self._later[message.unique] = self._clock.seconds() + RETRY
            await self._tidy()
        except Exception as error:  # noqa: BLE001 - logged; the messages wait for the next round
            self._events.emit(Faulted("DMARC reports", f"{type(error).__name__}: {error}"))

    async def _read(self, places: ReportPlaces, message: StoredMessage) -> bool:
        """Read one message, and remove it. False if it has to wait."""
        try:
            content = await places.incoming.open(message)
            try:
                await self._keep(places, content)
            except BadReport as bad:
                if not await self._deliver(places, content, str(bad)):
                    return False
            await places.incoming.remove((message,))
        except Exception as error:  # noqa: BLE001 - logged; the other messages do not wait for it
            text = f"{message.unique} waits: {type(error).__name__}: {error}"
            self._events.emit(Faulted("DMARC reports", text))
            return False
        return True

    async def _keep(self, places: ReportPlaces, content: Content) -> None:
        """Keep the report in a message. One that a filter has marked as junk is not believed, since
        false reports could recommend a wrong policy (RFC 9990 §8.2). Raises BadReport."""
        if is_junk(await self._in_thread(content.header), places.hostname):
            raise BadReport("its author is not authenticated")
        report = await self._in_thread(partial(_report_of, content))
        domain = report.published.domain
        if not _is_here(places.view(), domain):
            raise BadReport(f"the report is about {domain}, which is no domain of this host")
        if report.end > self._wall() + 2 * _DAY or report.end - report.begin > LONGEST_PERIOD:
            raise BadReport("its period is in the future, or longer than a month")
        added = await self._in_thread(partial(keep_report, self._data, report))
        again = "" if added else ", which is there already"
        by = (report.organization or report.email)[:_LONGEST_NAME]
        self._events.emit(Notice(f"DMARC report of {by} about {domain}{again}"))

    async def _deliver(self, places: ReportPlaces, content: Content, why: str) -> bool:
        """Deliver a message that is no report to a person. True if it is safe there."""
        header = await self._in_thread(content.header)
        person = places.person(header)
        if person is None:
            status = WAITING
        else:
            # its Return-Path and Delivered-To fields are on top already
            status = await places.store.inbox(person.address).deliver((content,))
        to = f" to <{person.address}>" if person else ""
        text = f"mail for the DMARC reports goes{to} as it is no report: {why}; {status}"
        self._events.emit(Notice(text) if status.ok else Faulted("DMARC reports", text))
        return status.ok

    async def _tidy(self) -> None:
        now = self._clock.seconds()
        if self._tidied_at is None or now - self._tidied_at >= _DAY:
            self._tidied_at = now
            await self._in_thread(partial(forget_old, self._data, self._wall()))


def _report_of(content: Content) -> AggregateReport:
    """Read the report in a message. Blocks. Raises BadReport, OSError."""
    if content.size > LARGEST_MESSAGE:
        raise BadReport(f"the message has more than {LARGEST_MESSAGE} octets")
    return read_report(xml_of_message(content.read()))


def _is_here(view: DirectoryView, domain: str) -> bool:
    """True for a domain of this host, and for one below it."""
    labels = domain.split(".")
    return any(view.domain(".".join(labels[at:])) for at in range(len(labels)))

"""Reads the reports that came in, from time to time, and keeps them in the database.

A message that is no report about a domain of this host is delivered as mail: to the account with
the address for reports, or else to the admin. While neither exists, the message waits. A message is
removed only when its report, or the message itself, is safe elsewhere.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
from mailhost.dmarc_reports.read import read_report
from mailhost.dmarc_reports.received import forget_old, keep_report
from mailhost.dmarc_reports.report import DAY, WHERE, AggregateReport, BadReport, fault_text
from mailhost.dmarc_reports.unpack import LARGEST_MESSAGE, xml_of_message
from mailhost.interfaces.accounts import Account, DirectoryView
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.reception import IHandover
from mailhost.interfaces.store import IMailbox, IMailStore, StoredMessage
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.authentication_results import is_junk
from mailhost.message.content import Content
from mailhost.message.domains import names_above
from mailhost.message.envelope import Body, Envelope, ForwardPath
from mailhost.message.header import values
from mailhost.message.ids import new_id
from mailhost.message.status import Status

PERIOD = 10.0  # seconds between two rounds
RETRY = 3600.0  # seconds until a message that cannot be kept or delivered is tried again
WAITING = Status(451, "4.3.0", "it waits, as there is neither an account of this name nor an admin")
LONGEST_PERIOD = 32 * DAY  # seconds of a report that is believed
_LONGEST_NAME = 100  # characters of the name of a reporter in the log


@dataclass(frozen=True, slots=True)
class ReportPlaces:
    """The services that the reader uses in one generation of the settings: the Maildir of reports,
    the mailboxes of accounts, the directory's newest view, the handover for mail to the admin, the
    name of this host. `admin` is None too if it is itself an address for reports.
    `collects` is false without addresses for reports: no more mail comes into the Maildir then."""

    incoming: IMailbox
    store: IMailStore
    view: Callable[[], DirectoryView]
    handover: IHandover
    admin: Address | None
    hostname: str
    collects: bool = True

    async def deliver(self, content: Content, header: bytes) -> Status:
        """Deliver a message that is no report to the account with the address for reports, or to
        the admin."""
        own = self._own_account(header)
        if own is not None:  # its Return-Path and Delivered-To fields are on top already
            return await self.store.inbox(own.address).deliver((content,))
        if self.admin is None:
            return WAITING
        paths = (ForwardPath(self.admin),)
        envelope = Envelope(_reverse_path(header), paths, body=Body.EIGHT_BIT, size=content.size)
        return await self.handover.take_or_queue(envelope, content, new_id())

    def _own_account(self, header: bytes) -> Account | None:
        found = values(header, "Delivered-To")
        local, _, domain = (found[0] if found else "").strip(" <>").rpartition("@")
        return self.view().account(Address(local, domain)) if domain else None


def _reverse_path(header: bytes) -> Address | None:
    found = values(header, "Return-Path")
    try:
        return parse_address(found[0].strip(" <>")) if found else None
    except BadAddress:  # the null reverse-path
        return None


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
        self._later: dict[str, float] = {}  # when each message that waits is tried again, by name
        self._may_have_mail = True  # of the former process, or of former settings
        self._rounds = Rounds(clock, PERIOD, self._read_all, self._failed)
        self._daily = Rounds(clock, DAY, self._forget_old, self._failed)

    def start(self) -> None:
        """Read now and from time to time, and remove old reports once a day."""
        self._rounds.start()
        self._daily.start()

    def stop(self) -> None:
        """Begin no further round."""
        self._rounds.stop()
        self._daily.stop()

    async def _read_all(self) -> None:
        places = self._places()
        if not (self._may_have_mail or places.collects):
            return
        messages = await places.incoming.messages()
        self._may_have_mail = places.collects or bool(messages)
        names = {message.unique for message in messages}
        self._later = {name: at for name, at in self._later.items() if name in names}
        for message in messages:
            if not self._rounds.running:
                return
            if self._later.get(message.unique, 0.0) > self._clock.seconds():
                continue
            if not await self._read(places, message):
                self._later[message.unique] = self._clock.seconds() + RETRY

    def _failed(self, failure: Failure) -> None:
        """Log why a round ended early; the messages wait for the next one."""
        self._events.emit(Faulted(WHERE, fault_text(failure.value)))

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
            self._events.emit(Faulted(WHERE, f"{message.unique} waits: {fault_text(error)}"))
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
        if report.end > self._wall() + 2 * DAY or report.end - report.begin > LONGEST_PERIOD:
            raise BadReport("its period is in the future, or longer than a month")
        added = await self._in_thread(partial(keep_report, self._data, report))
        again = "" if added else ", which is there already"
        by = (report.organization or report.email)[:_LONGEST_NAME]
        self._events.emit(Notice(f"DMARC report of {by} about {domain}{again}"))

    async def _deliver(self, places: ReportPlaces, content: Content, why: str) -> bool:
        """Deliver a message that is no report to a person. True if it is safe there."""
        status = await places.deliver(content, await self._in_thread(content.header))
        text = (
            f"mail for the DMARC reports is delivered as mail, as it is no report: {why}; {status}"
        )
        self._events.emit(Notice(text) if status.ok else Faulted(WHERE, text))
        return status.ok

    async def _forget_old(self) -> None:
        await self._in_thread(partial(forget_old, self._data, self._wall()))


def _report_of(content: Content) -> AggregateReport:
    """Read the report in a message. Blocks. Raises BadReport, OSError."""
    if content.size > LARGEST_MESSAGE:
        raise BadReport(f"the message has more than {LARGEST_MESSAGE} octets")
    return read_report(xml_of_message(content.read()))


def _is_here(view: DirectoryView, domain: str) -> bool:
    """True for a domain of this host, and for one below it."""
    return any(map(view.domain, (domain, *names_above(domain))))

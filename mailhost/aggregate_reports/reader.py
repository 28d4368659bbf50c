"""Reads the reports that came in, from time to time, and has each kept by its kind.

A message that is no report about a domain of this host is delivered as mail: to the account with
the address for reports, or else to the admin. While neither exists, the message waits. A message is
removed only when its report, or the message itself, is safe elsewhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from mailhost.aggregate_reports.report import DAY, BadReport, NoReport, NotNow, fault_text
from mailhost.aggregate_reports.unpack import LARGEST_MESSAGE
from mailhost.concurrency.rounds import Rounds
from mailhost.concurrency.threads import InThread
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
MOST_TRIES = 120  # of a report that waits for another host
WAITING = Status(451, "4.3.0", "it waits, as there is neither an account of this name nor an admin")
WHERE = "reports"  # in the log
LONGEST_NAME = 100  # characters of the name of a reporter in the log


class ReportKind(Protocol):
    """One kind of reports, such as those of DMARC."""

    def keep(self, content: Content, is_here: Callable[[str], bool]) -> Awaitable[str]:
        """Keep the report in a message, and return what the log is to say. `is_here` says whether a
        domain is one of this host, or one below it. Raises NoReport where the message has no report
        of this kind, BadReport for a report that is not believed, NotNow for one that has to wait
        for another host, and any Exception for one that has to wait for this host."""

    def forget_old(self) -> Awaitable[None]:
        """Remove reports that were kept long enough."""


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

    def is_here(self, domain: str) -> bool:
        """True for a domain of this host, and for one below it."""
        return any(map(self.view().domain, (domain, *names_above(domain))))

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


@dataclass(frozen=True, slots=True)
class _Later:
    """When a message is tried again, by the clock of the reactor, and how often it was tried."""

    at: float = 0.0
    tries: int = 0


class ReportReader:
    """The head has it. `places` returns what the present settings say; the first of `kinds` that
    finds a report in a message keeps it."""

    def __init__(
        self,
        clock: IReactorTime,
        in_thread: InThread,
        places: Callable[[], ReportPlaces],
        kinds: Sequence[ReportKind],
        events: IEventSink,
    ) -> None:
        self._clock = clock
        self._in_thread = in_thread
        self._places = places
        self._kinds = kinds
        self._events = events
        self._later: dict[str, _Later] = {}  # the messages that wait, by name
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
        self._later = {name: each for name, each in self._later.items() if name in names}
        for message in messages:
            if not self._rounds.running:
                return
            later = self._later.get(message.unique, _Later())
            if later.at > self._clock.seconds():
                continue
            if not await self._read(places, message, later.tries >= MOST_TRIES):
                at = self._clock.seconds() + RETRY
                self._later[message.unique] = _Later(at, later.tries + 1)

    def _failed(self, failure: Failure) -> None:
        """Log why a round ended early; the messages wait for the next one."""
        self._events.emit(Faulted(WHERE, fault_text(failure.value)))

    async def _read(self, places: ReportPlaces, message: StoredMessage, last: bool) -> bool:
        """Read one message, and remove it. False if it has to wait; with `last` it does not wait
        for other hosts."""
        try:
            content = await places.incoming.open(message)
            try:
                self._events.emit(Notice(await self._keep(places, content)))
            except (BadReport, NotNow) as reason:
                if isinstance(reason, NotNow) and not last:
                    raise
                if not await self._deliver(places, content, str(reason)):
                    return False
            await places.incoming.remove((message,))
        except Exception as error:  # noqa: BLE001 - logged; the other messages do not wait for it
            self._events.emit(Faulted(WHERE, f"{message.unique} waits: {fault_text(error)}"))
            return False
        return True

    async def _keep(self, places: ReportPlaces, content: Content) -> str:
        """Keep the report in a message. One that a filter has marked as junk is not believed, since
        false reports could recommend a wrong policy (RFC 9990 §8.2). Raises BadReport."""
        if is_junk(await self._in_thread(content.header), places.hostname):
            raise BadReport("its author is not authenticated")
        if content.size > LARGEST_MESSAGE:
            raise BadReport(f"the message has more than {LARGEST_MESSAGE} octets")
        missing = NoReport("there are no reports of any kind")
        for kind in self._kinds:
            try:
                return await kind.keep(content, places.is_here)
            except NoReport as found:
                missing = found
        raise missing

    async def _deliver(self, places: ReportPlaces, content: Content, why: str) -> bool:
        """Deliver a message that is no report to a person. True if it is safe there."""
        status = await places.deliver(content, await self._in_thread(content.header))
        text = f"mail for the reports is delivered as mail, as it is no report: {why}; {status}"
        self._events.emit(Notice(text) if status.ok else Faulted(WHERE, text))
        return status.ok

    async def _forget_old(self) -> None:
        for kind in self._kinds:
            await kind.forget_old()

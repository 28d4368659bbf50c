"""Fakes of Interfaces that tests of several packages share. They answer at once."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, overload

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.interfaces.accounts import Account, DirectoryView, Domain, KnownAccounts
from mailhost.interfaces.delivery import ILocalDelivery, LocalRecipient
from mailhost.interfaces.directory import DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import Event, IEventSink
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.interfaces.queue import IQueue, IReports
from mailhost.interfaces.reception import IHandover, IQuarantine
from mailhost.message.address import Address, parse_address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath, Notify
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import OK, Status
from mailhost.outgoing import Completion, Outgoing

T = TypeVar("T")

DELIVERED = Status(250, "2.1.5", "Delivered")
FULL = Status(452, "4.2.2", "The mailbox is full")


@overload
def now(answer: Awaitable[T]) -> T: ...


@overload
def now(answer: T) -> T: ...


def now(answer: Any) -> Any:
    """Return what is there at once; fail the test where it is not."""

    async def wait() -> Any:
        return await answer

    if not isinstance(answer, Awaitable):
        return answer
    return SynchronousTestCase().successResultOf(Deferred.fromCoroutine(wait()))


def address(text: str) -> Address:
    """An address; without an `@` the bare one of `<postmaster>`."""
    return parse_address(text) if "@" in text else Address(text, "")


def path(text: str, notify: Notify | None = None, original: str = "") -> ForwardPath:
    """A recipient."""
    return ForwardPath(address(text), notify, original)


def envelope(*recipients: str | ForwardPath, sender: str = "sue@far.example") -> Envelope:
    """An envelope from `sender`, empty for `<>`, to these recipients."""
    paths = [path(each) if isinstance(each, str) else each for each in recipients]
    return Envelope(address(sender) if sender else None, tuple(paths))


def domain(
    name: str,
    accounts: str = "",
    aliases: Mapping[str, str] | None = None,
    catch_all: str = "",
    quota: int | None = None,
) -> Domain:
    """A domain. Accounts and targets are words; a target without `@` is in the domain itself."""

    def target(text: str) -> Address:
        return address(text if "@" in text else f"{text}@{name}")

    own = [Address(local, name) for local in accounts.split()]
    return Domain(
        name,
        {each.key: Account(each, "a hash", quota) for each in own},
        {
            key: tuple(map(target, explanation.split()))
            for key, explanation in (aliases or {}).items()
        },
        target(catch_all) if catch_all else None,
    )


def view_of(*domains: Domain, **also: str) -> DirectoryView:
    """A view of these domains. `also`: alias domains, `_` for `.` in their names."""
    others = {name.replace("_", "."): meant for name, meant in also.items()}
    return DirectoryView({each.name: each for each in domains}, others)


class CountingDict(UserDict[str, Account]):
    """Counts how often it is asked."""

    asked = 0

    def __contains__(self, key: object) -> bool:
        self.asked += 1
        return super().__contains__(key)

    def __getitem__(self, key: str) -> Account:
        self.asked += 1
        return super().__getitem__(key)


def list_of(members: int, *more: str) -> Domain:
    """`a.example` with an alias `list` for so many accounts `u0`, `u1`, ... `more` are aliases for
    the same members. The look-ups in its accounts are counted."""
    explanation = " ".join(f"u{number}" for number in range(members))
    plain = domain("a.example", explanation, dict.fromkeys(("list", *more), explanation))
    return replace(plain, accounts=CountingDict(plain.accounts))


def look_ups(of: Domain) -> int:
    """How often names were looked up in a domain of `list_of` since the last time."""
    assert isinstance(of.accounts, CountingDict)
    asked, of.accounts.asked = of.accounts.asked, 0
    return asked


class Pauses:
    """A Pause that is over at once, and counted."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> Awaitable[None]:
        self.count += 1
        return succeed(None)


@implementer(IEventSink)
class RecordingEvents:
    """Keeps what it is told. A line that raises is a bug."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def emit(self, event: Event) -> None:
        event.line  # noqa: B018
        self.told.append(event)

    @property
    def lines(self) -> list[str]:
        """The lines of the log."""
        return [event.line for event in self.told]

    def of(self, kind: type[T]) -> list[T]:
        """Those of one kind."""
        return [event for event in self.told if isinstance(event, kind)]


@implementer(IDirectory)
class FakeDirectory:
    """Has `view`, and what was changed elsewhere as `newer`. Cannot be read while `outage`."""

    def __init__(self, view: DirectoryView) -> None:
        self.view = view
        self.newer: DirectoryView | None = None
        self.outage = ""
        self.refreshed = 0

    def refresh(self) -> Awaitable[DirectoryView]:
        self.refreshed += 1
        if self.outage:
            return fail(DirectoryUnavailable(self.outage))
        self.view = self.newer or self.view
        return succeed(self.view)


@implementer(ILocalDelivery)
class FakeDelivery:
    """Delivers, or answers what `answers` has for an address. `bug` is raised."""

    def __init__(self) -> None:
        self.answers: dict[str, Status] = {}
        self.bug: Exception | None = None
        self.delivered: list[str] = []
        self.tried: list[str] = []
        self.accounts: list[str] = []
        self.log: list[str] = []

    async def deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[LocalRecipient],
        identity: str,
    ) -> Sequence[Outcome]:
        self.log.append("deliver")
        if self.bug is not None:
            raise self.bug
        self.accounts += [str(each.account.address) for each in recipients]
        return [self._one(each.path) for each in recipients]

    def _one(self, recipient: ForwardPath) -> Outcome:
        to = str(recipient.address)
        self.tried.append(to)
        outcome = outcome_of(recipient, self.answers.get(to, DELIVERED), Fate.DELIVERED)
        if outcome.fate is Fate.DELIVERED:
            self.delivered.append(to)
        return outcome


@implementer(IQueue, IQuarantine)
class FakeQueue:
    """Keeps what it accepts. `answers` are given in turn, `bug` is raised."""

    def __init__(self) -> None:
        self.kept: list[tuple[Envelope, bytes, Sequence[Outcome]]] = []
        self.held: list[str] = []
        self.answers: list[Status] = []
        self.bug: Exception | None = None
        self.log: list[str] = []

    @property
    def waiting(self) -> list[list[str]]:
        """The recipients of each entry."""
        return [[str(each.address) for each in kept.recipients] for kept, _, _ in self.kept]

    async def accept(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        outcomes: Sequence[Outcome] = (),
        held: str = "",
    ) -> Status:
        self.log.append("queue")
        if self.bug is not None:
            raise self.bug
        status = self.answers.pop(0) if self.answers else OK
        if status.ok:
            self.kept.append((envelope, content.read(), outcomes))
            self.held.append(held)
        return status

    async def hold(
        self, envelope: Envelope, content: Content, identity: str, reason: str
    ) -> Status:
        return await self.accept(envelope, content, identity, held=reason)


@implementer(IReports)
class FakeNotices:
    """Keeps what the sender wants to hear of what is reported. `fault` is raised."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.reported: list[Outcome] = []
        self.fault: Exception | None = None
        self.log: list[str] = []

    async def compose(
        self, envelope: Envelope, content: Content, identity: str, outcomes: Sequence[Outcome]
    ) -> OwnMessage | None:
        self.log.append("report")
        occasions = {Fate.FAILED: Notify.FAILURE, Fate.DEFERRED: Notify.DELAY}
        wanted = [
            outcome
            for outcome in outcomes
            if outcome.recipient.wants(occasions.get(outcome.fate, Notify.SUCCESS))
            and envelope.reverse_path is not None
        ]
        if wanted and self.fault is not None:
            raise self.fault
        self.reported += wanted
        self.told += [(str(each.fate), str(each.recipient.address)) for each in wanted]
        return None


def outgoing_of(hostname: str, wall: Callable[[], float] = lambda: 0.0) -> Outgoing:
    """The last steps for mail in the name of a host, in one thread."""
    return Outgoing(Completion(hostname, maybeDeferred, wall))


@implementer(IHandover)
class FakeHandover:
    """Keeps what it takes and answers `status`."""

    def __init__(self) -> None:
        self.status = Status(250, "2.0.0", "Taken")
        self.taken: list[tuple[Envelope, bytes, str]] = []
        self.known: KnownAccounts | None = None

    async def take(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Sequence[Status]:
        self.known = known
        self.taken.append((envelope, content.read(), identity))
        return [self.status] * len(envelope.recipients)

    async def take_or_queue(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Status:
        self.known = known
        self.taken.append((envelope, content.read(), identity))
        return self.status

"""A queue on a Clock: fakes of the Interfaces it is handed, and a running queue made of them."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.task import Clock
from zope.interface import implementer

from mailhost.config.model import Queue
from mailhost.interfaces.accounts import KnownAccounts
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.changes import Change, NewFile, RemovedFile
from mailhost.interfaces.events import Event, IEventSink
from mailhost.interfaces.queue import Carried, ITransport, Lane, Lanes
from mailhost.interfaces.reception import IHandover
from mailhost.interfaces.store import ICommitter
from mailhost.message.address import Address, parse_address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import Status
from mailhost.queue.attempt import QueueServices
from mailhost.queue.reports import Reports
from mailhost.queue.runner import QueueRunner
from mailhost.queue.spool import Spool
from tests.fakes import outgoing_of

T = TypeVar("T")
START = 1_700_000_000.0
GOOD = Status(250, "2.0.0", "Accepted")
BUSY = Status(451, "4.3.2", "Busy, come back later")
UNKNOWN = Status(550, "5.1.1", "No such user here")
MESSAGE = b"From: <a@here.example>\r\nSubject: hello\r\n\r\nOne line\r\n"
SENDER = parse_address("ann@here.example")


def here(work: Callable[[], T], /) -> Deferred[T]:
    """Run in this very thread."""
    return maybeDeferred(work)


def path(text: str) -> ForwardPath:
    """A recipient."""
    return ForwardPath(parse_address(text))


def envelope(*recipients: str, sender: Address | None = SENDER) -> Envelope:
    """An envelope from `sender` to these addresses."""
    return Envelope(sender, tuple(map(path, recipients)))


def message(body: bytes = MESSAGE) -> Content:
    """Some content."""
    return Content((body,))


@implementer(ICommitter)
class FakeCommitter:
    """Does what it is told at once. `fail` gives errors.

    `crash_at` counts single changes: when so many are done the process is dead, and nothing that
    waits for an answer goes on. With `torn` the next file is left half written.
    """

    def __init__(self) -> None:
        self.fail: Callable[[Change], OSError | None] = lambda change: None
        self.crash_at: int | None = None
        self.torn = False
        self.done: list[Change] = []
        self.dead = False

    def commit(self, changes: Sequence[Change]) -> Awaitable[Sequence[OSError | None]]:
        results = [self._one(change) for change in changes]
        if self.crash_at == len(self.done):
            self.dead = True  # after the last change, before its answer
        return Deferred() if self.dead else succeed(results)

    def _one(self, change: Change) -> OSError | None:
        error = self.fail(change)
        if error is not None or self.dead:
            return error
        if self.crash_at == len(self.done):
            self._die(change)
            return None
        self.done.append(change)
        self._make(change)
        return None

    def _die(self, change: Change) -> None:
        self.dead = True
        if self.torn and isinstance(change, NewFile):
            os.makedirs(os.path.dirname(change.temporary), exist_ok=True)
            whole = b"".join(content.read() for content in change.contents)
            with open(change.temporary, "wb") as file:
                file.write(whole[: len(whole) // 2])

    def _make(self, change: Change) -> None:
        if isinstance(change, RemovedFile):
            if os.path.exists(change.path):
                os.unlink(change.path)
            return
        assert isinstance(change, NewFile)
        os.makedirs(os.path.dirname(change.final), exist_ok=True)
        with open(change.temporary, "xb") as file:
            for content in change.contents:
                for chunk in content.chunks():
                    file.write(chunk)
        os.rename(change.temporary, change.final)


class Answering(Protocol):
    """Says what becomes of a recipient: a Status, or None to keep the attempt waiting."""

    def __call__(self, recipient: ForwardPath) -> Status | None: ...


@implementer(ITransport)
class FakeTransport:
    """Answers by `answer`. Attempts that are kept waiting lie in `held`."""

    def __init__(self) -> None:
        self.answer: Answering = lambda recipient: GOOD
        self.good = Fate.RELAYED
        self.by = "mx.there.example [192.0.2.7]"
        self.calls: list[tuple[str, tuple[str, ...], int]] = []
        self.bodies: list[bytes] = []
        self.held: list[Deferred[None]] = []
        self.most = 0
        self.grouped = 0
        self.grouping: Callable[[Lanes], Answer[Lanes]] | None = None
        self.moved = False
        self.forgotten: list[Lanes] = []

    @property
    def tried(self) -> list[str]:
        """The addresses of all attempts, in order."""
        return [address for _, addresses, _ in self.calls for address in addresses]

    def lanes(
        self, envelope: Envelope, recipients: Sequence[ForwardPath], attempts: int
    ) -> Answer[Lanes]:
        """All recipients in one lane; its next hop is the number of attempts."""
        self.grouped += 1
        line = ",".join(sorted({path.address.domain for path in recipients}))
        lanes = Lanes([Lane(attempts, recipients)] if recipients else [], line)
        return lanes if self.grouping is None else self.grouping(lanes)

    def stands(self, lanes: Lanes) -> bool:
        return not self.moved

    def forget_failures(self, lanes: Lanes) -> None:
        self.forgotten.append(lanes)

    async def carry(
        self, lane: Lane, envelope: Envelope, content: Content, identity: str
    ) -> Carried:
        addresses = tuple(str(recipient.address) for recipient in lane.recipients)
        assert isinstance(lane.next_hop, int)
        self.calls.append((identity, addresses, lane.next_hop))
        self.bodies.append(content.read())
        outcomes = []
        try:
            for recipient in lane.recipients:
                outcomes.append(await self._outcome(recipient))
        except Exception as bug:  # noqa: BLE001 - as a transport does
            return Carried(outcomes, bug)
        return Carried(outcomes)

    async def _outcome(self, recipient: ForwardPath) -> Outcome:
        status = self.answer(recipient)
        if status is None:
            waiting: Deferred[None] = Deferred()
            self.held.append(waiting)
            self.most = max(self.most, len(self.held))
            await waiting
            return outcome_of(recipient, BUSY, self.good)
        return outcome_of(recipient, status, self.good, self.by)


@implementer(IHandover)
class FakeHandover:
    """Keeps what it is handed and answers `status`."""

    def __init__(self) -> None:
        self.status = GOOD
        self.taken: list[tuple[Envelope, bytes]] = []

    def take(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Awaitable[list[Status]]:
        self.taken.append((envelope, content.read()))
        return succeed([self.status for _ in envelope.recipients])

    def take_or_queue(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Awaitable[Status]:
        if self.status.ok:
            self.taken.append((envelope, content.read()))
        return succeed(self.status)


@implementer(IEventSink)
class Events:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def emit(self, event: Event) -> None:
        event.line  # noqa: B018 - a line that raises is a bug
        self.told.append(event)

    def of(self, kind: type[T]) -> list[T]:
        """Those of one kind."""
        return [event for event in self.told if isinstance(event, kind)]


class RunningQueue:
    """One running queue on a folder. Another on the same folder is the next process."""

    def __init__(
        self,
        folder: str,
        settings: Queue | None = None,
        committer: ICommitter | None = None,
        wall: float = START,
    ) -> None:
        self.folder = folder
        self.clock = Clock()
        self.offset = wall
        self.disk = FakeCommitter()
        self.committer = committer or self.disk
        self.transport = FakeTransport()
        self.handover = FakeHandover()
        self.events = Events()
        self.spool = Spool(folder, self.committer, here)
        self.reports = Reports(
            "mail.here.example",
            self.events,
            here,
            outgoing_of("mail.here.example", self.wall),
            self.wall,
        )
        self.runner = QueueRunner(
            self.clock,
            self.spool,
            self.events,
            wall=self.wall,
            steady=self.clock.seconds,
            chance=lambda: 0.5,
        )
        self.settings = settings or Queue()

    def start(self) -> Deferred[None]:
        """Have the runner read the folder and make attempts."""
        return self.runner.start(self._services())

    def reconfigure(self, settings: Queue) -> None:
        """Have the runner take other settings."""
        self.settings = settings
        self.runner.reconfigure(self._services())

    def _services(self) -> QueueServices:
        return QueueServices(self.settings, self.transport, self.reports, self.handover)

    def wall(self) -> float:
        """The wall clock; moving `offset` makes it jump."""
        return self.offset + self.clock.seconds()

    def pass_time(self, seconds: float, step: float = 30.0) -> None:
        """Let time go by in small steps."""
        end = self.clock.seconds() + seconds
        while self.clock.seconds() < end:
            self.clock.advance(min(step, end - self.clock.seconds()))

    def accept(self, *arguments: Any, **more: Any) -> Status:
        """Queue a message and return the answer."""
        answer = self.asked(*arguments, **more)
        assert answer is not None
        return answer

    def asked(
        self,
        wanted: Envelope,
        identity: str = "m1",
        content: Content | None = None,
        outcomes: Sequence[Outcome] = (),
    ) -> Status | None:
        """Queue a message and return the answer, None where none came."""
        coming = self.runner.accept(wanted, content or message(), identity, outcomes)
        answers: list[Status] = []
        Deferred.fromCoroutine(coming).addCallback(answers.append)
        return answers[0] if answers else None

    def files(self) -> list[str]:
        """The names in the folder."""
        return sorted(os.listdir(self.folder)) if os.path.isdir(self.folder) else []

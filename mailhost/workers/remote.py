"""A worker's side of what the head does for all: passwords, quotas, the queue, the log.

Failed logins and used octets are counted in one place, so several processes allow no more than one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Event, IEventSink
from mailhost.interfaces.filters import ICounters, IRates
from mailhost.interfaces.logins import IAuthenticator, ILoginGuard, ScramKeys
from mailhost.interfaces.queue import IQueue
from mailhost.interfaces.store import IUsages
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status
from mailhost.queue.content_cache import is_small
from mailhost.queue.intake import Intake
from mailhost.store.quota import RECENT
from mailhost.workers.channel import LARGEST, Channel

BROKEN = "the head of the host is gone"
LONGEST_LINE = 10_000  # characters
ENOUGH = 60.0  # seconds that an account is believed to have room
MOST_KNOWN = 10_000  # accounts
Line = tuple[bool, str]  # serious or not, and the words


@implementer(IAuthenticator)
class RemoteAuthenticator:
    """Has the head judge. `mechanisms_of` says what may be tried at all."""

    def __init__(self, channel: Channel, mechanisms_of: Callable[[Client], Sequence[str]]) -> None:
        self._channel = channel
        self._mechanisms_of = mechanisms_of

    def mechanisms(self, client: Client) -> Sequence[str]:
        """See IAuthenticator."""
        return self._mechanisms_of(client)

    async def password(
        self, client: Client, username: str, password: str, mechanism: str
    ) -> Address | Status:
        """See IAuthenticator."""
        result: Address | Status = await self._channel.ask(
            "password", client, username, password, mechanism
        )
        return result

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        """See IAuthenticator."""
        result: ScramKeys | Status = await self._channel.ask("scram_keys", client, username)
        return result

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        """See IAuthenticator."""
        result: Address | Status = await self._channel.ask("scram_result", client, username, proven)
        return result


@implementer(ILoginGuard)
class RemoteGuard:
    """Has the head count failed logins."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def begin(self, client: Client, username: str) -> Status | None:
        """See ILoginGuard."""
        refusal: Status | None = await self._channel.ask("login_begins", client, username)
        return refusal

    async def failed(
        self, client: Client, username: str, status: Status, guessed: bool = True
    ) -> None:
        """See ILoginGuard."""
        await self._channel.ask("login_failed", client, username, status, guessed)

    def succeeded(self, client: Client, username: str) -> None:
        """See ILoginGuard."""
        self._channel.notify("login_succeeded", client, username)

    def undecided(self, client: Client, username: str) -> None:
        """See ILoginGuard."""
        self._channel.notify("login_undecided", client, username)


@dataclass(slots=True)
class _Left:
    """How many octets an account with this quota may still take, as the head said `at` seconds."""

    quota: int
    octets: int
    at: float


@implementer(IUsages)
class RemoteUsages:
    """Has the head count the octets of accounts. Its answer is used again for some time, less the
    octets that this process added meanwhile, so that RCPT TO seldom has to ask."""

    def __init__(self, channel: Channel, seconds: Callable[[], float]) -> None:
        self._channel = channel
        self._seconds = seconds
        self._known: dict[str, _Left] = {}

    async def reserve(self, path: str, size: int, quota: int) -> bool:
        """See Usages. Raises OSError."""
        granted: bool = await self._ask("reserve", path, size, quota)
        known = self._known.get(path)
        if known is not None:
            known.octets = known.octets - size if granted else min(known.octets, size - 1)
        return granted

    def release(self, path: str, size: int) -> None:
        """See Usages."""
        self._channel.notify("release", path, size)

    def removed(self, path: str, size: int) -> None:
        """See Usages."""
        self._channel.notify("removed", path, size)
        known = self._known.get(path)
        if known is not None:
            known.octets = min(known.octets + size, known.quota)

    def left(self, path: str, size: int, quota: int) -> Answer[int]:
        """See Usages."""
        known = self._known.get(path)
        if known is not None and known.quota == quota:
            believed = ENOUGH if known.octets >= size else RECENT
            if self._seconds() < known.at + believed:
                return known.octets
        return self._ask_left(path, size, quota)

    async def _ask_left(self, path: str, size: int, quota: int) -> int:
        octets: int = await self._ask("left", path, size, quota)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[path] = _Left(quota, octets, self._seconds())
        return octets

    async def _ask(self, what: str, path: str, size: int, quota: int) -> Any:
        try:
            return await self._channel.ask(what, path, size, quota)
        except ConnectionLost as lost:
            raise OSError(BROKEN) from lost


@implementer(IQueue)
class RemoteQueue:
    """Writes entries to the queue's folder, and tells the head of them.

    Should the head never hear of one, it finds it when it looks for what this process left.
    """

    def __init__(self, channel: Channel, intake: Intake) -> None:
        self._channel = channel
        self._intake = intake

    async def accept(
        self,
        envelope: Envelope,
        content: Content,
        identity: str,
        outcomes: Sequence[Outcome] = (),
        held: str = "",
    ) -> Status:
        """See IQueue."""
        status, found, line = await self._intake.write(envelope, content, identity, outcomes, held)
        if status.ok and not found.has_state and len(line) < LARGEST:
            small = content.read() if is_small(content) else None
            self._channel.notify("queued", found.entry.id, line, small)
        elif status.ok:
            self._channel.notify("look", found.entry.id)
        return status


@implementer(IRates)
class RemoteRates:
    """Has the head count how often."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def take(self, key: str, limit: int, within: float) -> bool:
        """See IRates."""
        granted: bool = await self._channel.ask("rate", key, limit, within)
        return granted


@implementer(ICounters)
class RemoteCounters:
    """Tells the head what filters did, once a second."""

    def __init__(self, channel: Channel, clock: IReactorTime) -> None:
        self._channel = channel
        self._clock = clock
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, filter: str, what: str) -> None:
        """See ICounters."""
        if not self._counts:
            self._clock.callLater(1.0, self._flush)
        self._counts[filter, what] += 1

    def _flush(self) -> None:
        counts, self._counts = self._counts, Counter()
        self._channel.notify("counted", counts)


@implementer(IEventSink, ILogObserver)
class RemoteLog:
    """Sends events, and whatever else is logged here, to the head, some lines at a time."""

    def __init__(self, clock: IReactorTime, channel: Channel) -> None:
        self._channel = channel
        self._clock = clock
        self._lines: list[Line] = []

    def emit(self, event: Event) -> None:
        """See IEventSink."""
        self._add(event.serious, event.line)

    def __call__(self, event: LogEvent) -> None:
        """See ILogObserver."""
        if event["log_level"] < LogLevel.warn:
            return  # who listens where is the head's to tell
        failure = event.get("log_failure")
        text = formatEvent(event) + (f": {failure.getTraceback()}" if failure else "")
        self._add(True, text)

    def _add(self, serious: bool, line: str) -> None:
        if not self._lines:
            self._clock.callLater(0, self.flush)
        self._lines.append((serious, line[:LONGEST_LINE]))

    def flush(self) -> None:
        """Send what there is."""
        lines, self._lines = self._lines, []
        some: list[Line] = []
        size = 0
        for line in lines:
            octets = 4 * len(line[1]) + 20
            if size + octets > LARGEST:
                self._channel.notify("log", some)
                some, size = [], 0
            some.append(line)
            size += octets
        self._channel.notify("log", some)

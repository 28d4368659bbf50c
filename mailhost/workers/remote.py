"""A worker's side of the services that exist once, in the head: logins, quotas, queue, log.

Failed logins, used octets and rates are counted in the head alone, so that several processes allow
no more than one process would.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IReactorTime
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Event, IEventSink
from mailhost.interfaces.filters import IRates
from mailhost.interfaces.logins import IAuthenticator, ILoginGuard, ScramKeys
from mailhost.interfaces.queue import IQueue
from mailhost.interfaces.signing import IKeyMaker
from mailhost.interfaces.store import IUsages
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status
from mailhost.observe.counts import Counts
from mailhost.queue.content_cache import is_small
from mailhost.queue.intake import Intake
from mailhost.store.quota import RECENT
from mailhost.workers import calls
from mailhost.workers.calls import R
from mailhost.workers.channel import LARGEST_MESSAGE, Channel

HEAD_GONE = "the head of the host is gone"
LONGEST_LOG_LINE = 10_000  # characters; the rest of a line is cut off
QUOTA_ANSWER_VALIDITY = 60.0  # seconds that an answer about free octets is used
SECONDS_BETWEEN_COUNTS = 1.0
MOST_ACCOUNTS = 10_000  # accounts
Line = tuple[bool, str]  # whether it is serious, and its text


@implementer(IAuthenticator)
class RemoteAuthenticator:
    """Has the head check passwords. `mechanisms_of` returns what a client may log in by."""

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
        return await self._channel.ask(calls.PASSWORD, client, username, password, mechanism)

    async def scram_keys(self, client: Client, username: str) -> ScramKeys | Status:
        """See IAuthenticator."""
        return await self._channel.ask(calls.SCRAM_KEYS, client, username)

    async def scram_result(self, client: Client, username: str, proven: bool) -> Address | Status:
        """See IAuthenticator."""
        return await self._channel.ask(calls.SCRAM_RESULT, client, username, proven)


@implementer(ILoginGuard)
class RemoteGuard:
    """Has the head count failed logins."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def begin(self, client: Client, username: str, mechanism: str = "") -> Status | None:
        """See ILoginGuard."""
        return await self._channel.ask(calls.LOGIN_BEGINS, client, username, mechanism)

    async def failed(
        self,
        client: Client,
        username: str,
        status: Status,
        guessed: bool = True,
        mechanism: str = "",
    ) -> None:
        """See ILoginGuard."""
        await self._channel.ask(calls.LOGIN_FAILED, client, username, status, guessed, mechanism)

    def succeeded(self, client: Client, username: str) -> None:
        """See ILoginGuard."""
        self._channel.notify(calls.LOGIN_SUCCEEDED, client, username)

    def undecided(self, client: Client, username: str) -> None:
        """See ILoginGuard."""
        self._channel.notify(calls.LOGIN_UNDECIDED, client, username)


@dataclass(slots=True)
class _Left:
    """How many octets an account with this quota may still take, as the head answered at the time
    `at`, in seconds of the reactor's clock."""

    quota: int
    octets: int
    at: float


@implementer(IUsages)
class RemoteUsages:
    """Has the head count the octets of accounts. An answer of the head is used again for
    QUOTA_ANSWER_VALIDITY seconds, less the octets that this process added meanwhile, so that few
    RCPT commands wait for the head."""

    def __init__(self, channel: Channel, seconds: Callable[[], float]) -> None:
        self._channel = channel
        self._seconds = seconds
        self._known: dict[str, _Left] = {}

    async def reserve(self, path: str, size: int, quota: int) -> bool:
        """See Usages. Raises OSError."""
        granted = await self._ask(calls.RESERVE, path, size, quota)
        known = self._known.get(path)
        if known is not None:
            known.octets = known.octets - size if granted else min(known.octets, size - 1)
        return granted

    def release(self, path: str, size: int) -> None:
        """See Usages."""
        self._channel.notify(calls.RELEASE, path, size)

    def removed(self, path: str, size: int) -> None:
        """See Usages."""
        self._channel.notify(calls.REMOVED, path, size)
        known = self._known.get(path)
        if known is not None:
            known.octets = min(known.octets + size, known.quota)

    def left(self, path: str, size: int, quota: int) -> Answer[int]:
        """See Usages."""
        known = self._known.get(path)
        if known is not None and known.quota == quota:
            validity = QUOTA_ANSWER_VALIDITY if known.octets >= size else RECENT
            if self._seconds() < known.at + validity:
                return known.octets
        return self._ask_left(path, size, quota)

    async def _ask_left(self, path: str, size: int, quota: int) -> int:
        octets = await self._ask(calls.LEFT, path, size, quota)
        if len(self._known) >= MOST_ACCOUNTS:
            self._known.clear()
        self._known[path] = _Left(quota, octets, self._seconds())
        return octets

    async def _ask(
        self, call: calls.Call[[str, int, int], R], path: str, size: int, quota: int
    ) -> R:
        try:
            return await self._channel.ask(call, path, size, quota)
        except ConnectionLost as lost:
            raise OSError(HEAD_GONE) from lost


@implementer(IQueue)
class RemoteQueue:
    """Writes entries to the queue's folder, then notifies the head.

    If this process dies in between, the head finds the entry when it reads the folder.
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
        if status.ok and not found.has_state and len(line) < LARGEST_MESSAGE:
            small = content.read() if is_small(content) else None
            self._channel.notify(calls.QUEUED, found.entry.id, line, small)
        elif status.ok:
            self._channel.notify(calls.QUEUED_LARGE, found.entry.id)
        return status


@implementer(IRates)
class RemoteRates:
    """Has the head count the uses of each key."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def take(self, key: str, limit: int, within: float) -> bool:
        """See IRates."""
        return await self._channel.ask(calls.RATE, key, limit, within)


@implementer(IKeyMaker)
class RemoteKeyMaker:
    """Has the head make DKIM keys. `read` reads those of a domain again, in this process."""

    def __init__(self, channel: Channel, read: Callable[[str], Awaitable[None]]) -> None:
        self._channel = channel
        self._read = read

    async def ensure(self, domain: str) -> None:
        """See IKeyMaker."""
        with suppress(ConnectionLost):
            await self._channel.ask(calls.MAKE_KEYS, domain)
            await self._read(domain)


class CountsForHead:
    """The counts of this process, sent to the head: once a second while there are any."""

    def __init__(self, channel: Channel, clock: IReactorTime) -> None:
        self._channel = channel
        self._clock = clock
        self.counts = Counts(self._send_later)

    def _send_later(self) -> None:
        self._clock.callLater(SECONDS_BETWEEN_COUNTS, self.flush)

    def flush(self) -> None:
        """Send what was counted since the last time."""
        events, filters = self.counts.take()
        if events or filters:
            self._channel.notify(calls.COUNTED, events, filters)


@implementer(IEventSink, ILogObserver)
class RemoteLog:
    """Sends the log lines of this process to the head: those of a turn of the reactor together."""

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
            return  # such as which ports are open, which the head logs
        failure = event.get("log_failure")
        text = formatEvent(event) + (f": {failure.getTraceback()}" if failure else "")
        self._add(True, text)

    def _add(self, serious: bool, line: str) -> None:
        if not self._lines:
            self._clock.callLater(0, self.flush)
        self._lines.append((serious, line[:LONGEST_LOG_LINE]))

    def flush(self) -> None:
        """Send the lines that wait."""
        lines, self._lines = self._lines, []
        some: list[Line] = []
        size = 0
        for line in lines:
            octets = 4 * len(line[1]) + 20
            if size + octets > LARGEST_MESSAGE:
                self._channel.notify(calls.LOG, some)
                some, size = [], 0
            some.append(line)
            size += octets
        self._channel.notify(calls.LOG, some)

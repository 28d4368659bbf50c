"""Failed logins, counted for each client address within a window of time.

An IPv6 client counts by its /64, all unix sockets as one. A login that succeeds forgives the
failures made in its own name, no others: somebody with an account must not wipe away what he tried
against his neighbours. The table is bounded: the address that failed longest ago is forgotten.

Attempts that are not decided yet count too: many connections at once get no more guesses than one.
They are not refused for it, they wait until those before them are decided.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailhost.config.model import Login
from mailhost.net.limits import client_key

MOST_ADDRESSES = 10_000
LONGEST_DELAY = 30.0


@dataclass(slots=True)
class _Record:
    """When failures happened, and in whose name; newest last."""

    failures: list[tuple[float, str]] = field(default_factory=list)


class Failures:
    """`settings` may be replaced at any time."""

    def __init__(self, clock: IReactorTime, settings: Login) -> None:
        self.settings = settings
        self._clock = clock
        self._records: OrderedDict[str, _Record] = OrderedDict()
        self._undecided: Counter[str] = Counter()
        self._waiting: defaultdict[str, list[Deferred[None]]] = defaultdict(list)

    async def begin(self, ip: str) -> None:
        """An attempt begins, as soon as its failure could still be borne. `end` must follow."""
        key = client_key(ip)
        while self._undecided[key] and self._full(ip, key):
            turn: Deferred[None] = Deferred()
            self._waiting[key].append(turn)
            await turn
        self._undecided[key] += 1

    def end(self, ip: str) -> None:
        """An attempt is decided, and counted where it failed."""
        key = client_key(ip)
        self._undecided[key] -= 1
        if not self._undecided[key]:
            del self._undecided[key]
        for turn in self._waiting.pop(key, []):
            turn.callback(None)

    def _full(self, ip: str, key: str) -> bool:
        return self.count(ip) + self._undecided[key] >= self.settings.failures

    def count(self, ip: str) -> int:
        """How many there were lately."""
        record = self._record(client_key(ip))
        return len(record.failures) if record else 0

    def wait(self, ip: str) -> float:
        """Seconds until this address may try again, 0 for now."""
        record = self._record(client_key(ip))
        if record is None or len(record.failures) < self.settings.failures:
            return 0.0
        decides = record.failures[-self.settings.failures][0]
        return max(decides + self.settings.failures_within - self._clock.seconds(), 1.0)

    def add(self, ip: str, username: str) -> float:
        """Count a failure, and return the seconds before it is to be told."""
        key = client_key(ip)
        record = self._record(key) or _Record()
        record.failures.append((self._clock.seconds(), username))
        self._records[key] = record
        self._records.move_to_end(key)
        if len(self._records) > MOST_ADDRESSES:
            self._records.popitem(last=False)
        return min(self.settings.delay * len(record.failures), LONGEST_DELAY)

    def forgive(self, ip: str, username: str) -> None:
        """A login in this name succeeded."""
        key = client_key(ip)
        record = self._records.get(key)
        if record is None:
            return
        record.failures = [failure for failure in record.failures if failure[1] != username]
        if not record.failures:
            del self._records[key]

    def _record(self, key: str) -> _Record | None:
        """What is known of a client, without what is too old; None for nothing."""
        record = self._records.get(key)
        if record is None:
            return None
        now = self._clock.seconds()
        since = now - self.settings.failures_within
        # a clock that was set back must not lock anybody out: what comes from the future is dropped
        record.failures = [failure for failure in record.failures if since < failure[0] <= now]
        if record.failures:
            return record
        del self._records[key]
        return None

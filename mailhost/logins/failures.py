"""Failed logins, counted for each client address within a window of time.

All addresses of an IPv6 /64 network count as one. From the addresses of `gateways`, and over unix
sockets, many users log in, so each account is counted separately there. A successful login removes
only the failures with its own user name: otherwise a user could remove the failures of guesses at
other accounts. The table is bounded: the address whose last failure is oldest is removed.

Attempts without a result so far count too, so that many connections at once allow no more guesses
than one connection. Such attempts are not refused: they wait until the attempts before them have a
result.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from dataclasses import dataclass, field
from ipaddress import ip_address

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from mailhost.config.model import LoginSettings
from mailhost.net.limits import client_key

MOST_ADDRESSES = 10_000
ANY = "*"
LONGEST_DELAY = 30.0  # seconds


@dataclass(slots=True)
class _Record:
    """The times of failures, with their user names; the newest is last."""

    failures: list[tuple[float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Block:
    """Logins that are refused for another `seconds`, without checking the password.

    `client` is an address or network, empty for unix sockets, ANY for every address that did not
    recently log in to `account`. An empty `account` stands for all accounts.
    """

    client: str
    account: str
    failures: int
    seconds: float


Key = tuple[str, str]
"""A client address or network, and for a gateway also an account (else an empty text)."""


class Failures:
    """`settings` may be replaced at any time. User names are in their normal form."""

    def __init__(self, clock: IReactorTime, settings: LoginSettings) -> None:
        self.settings = settings
        self._clock = clock
        self._records: OrderedDict[Key, _Record] = OrderedDict()
        self._undecided: Counter[Key] = Counter()
        self._waiting: defaultdict[Key, list[Deferred[None]]] = defaultdict(list)

    async def begin(self, ip: str, username: str = "") -> None:
        """Begin an attempt, as soon as its failure would not exceed the limit.

        `end` must follow.
        """
        key = self._key(ip, username)
        while self._undecided[key] and self._full(key):
            turn: Deferred[None] = Deferred()
            self._waiting[key].append(turn)
            await turn
        self._undecided[key] += 1

    def end(self, ip: str, username: str = "") -> None:
        """An attempt has a result, and was counted if it failed."""
        key = self._key(ip, username)
        if self._undecided[key] > 1:
            self._undecided[key] -= 1
        else:
            del self._undecided[key]
        self._wake(key)

    def end_all(self) -> None:
        """A process ended with its attempts: other attempts wait for them no longer."""
        self._undecided.clear()
        for key in list(self._waiting):
            self._wake(key)

    def _wake(self, key: Key) -> None:
        for turn in self._waiting.pop(key, []):
            turn.callback(None)

    def _full(self, key: Key) -> bool:
        record = self._record(key)
        failed = len(record.failures) if record else 0
        return failed + self._undecided[key] >= self.settings.failures

    def count(self, ip: str, username: str = "") -> int:
        """Return the number of failures within the time of the settings."""
        record = self._record(self._key(ip, username))
        return len(record.failures) if record else 0

    def wait(self, ip: str, username: str = "") -> float:
        """Return the seconds until this address may try again, 0 if it may try now."""
        return self._wait(self._key(ip, username))

    def _wait(self, key: Key) -> float:
        record = self._record(key)
        if record is None or len(record.failures) < self.settings.failures:
            return 0.0
        decides = record.failures[-self.settings.failures][0]
        return max(decides + self.settings.failures_within - self._clock.seconds(), 1.0)

    def add(self, ip: str, username: str) -> float:
        """Count a failure, and return the seconds before the reply to it may be sent."""
        key = self._key(ip, username)
        record = self._record(key) or _Record()
        record.failures.append((self._clock.seconds(), username))
        self._records[key] = record
        self._records.move_to_end(key)
        if len(self._records) > MOST_ADDRESSES:
            self._records.popitem(last=False)
        return min(self.settings.delay * len(record.failures), LONGEST_DELAY)

    def forgive(self, ip: str, username: str) -> None:
        """A login with this user name succeeded: remove its failures."""
        key = self._key(ip, username)
        record = self._records.get(key)
        if record is None:
            return
        record.failures = [failure for failure in record.failures if failure[1] != username]
        if not record.failures:
            del self._records[key]

    def blocked(self) -> list[Block]:
        """Return the clients and accounts that are blocked now."""
        waits = [(key, self._wait(key)) for key in list(self._records)]
        return [
            Block(client, account, len(self._records[client, account].failures), seconds)
            for (client, account), seconds in waits
            if seconds
        ]

    def lift(self, client: str = "", username: str = "") -> bool:
        """Remove the failures of a client address, or those of an account at gateways.

        Returns False if there were none.
        """
        wanted = [
            key
            for key in self._records
            if (client and key[0] == client) or (username and key[1] == username)
        ]
        for key in wanted:
            del self._records[key]
        return bool(wanted)

    def _key(self, ip: str, username: str) -> Key:
        return client_key(ip), username if self._is_gateway(ip) else ""

    def _is_gateway(self, ip: str) -> bool:
        if not ip:
            return True
        address = ip_address(ip.partition("%")[0])
        return any(address in network for network in self.settings.gateways)

    def _record(self, key: Key) -> _Record | None:
        """Return the record of a client, without failures that are too old; None if there are
        none."""
        record = self._records.get(key)
        if record is None:
            return None
        now = self._clock.seconds()
        since = now - self.settings.failures_within
        # if the clock was set back, failures in the future are removed, or they would block for
        # long
        record.failures = [failure for failure in record.failures if since < failure[0] <= now]
        if record.failures:
            return record
        del self._records[key]
        return None

"""Limits guesses at one account from many addresses, of which each has too few failures to be
blocked.

After `account_failures` in a day, an address that did not log in to the account within KNOWN_FOR
has MOST_GUESSES_OF_STRANGER attempts a day. The account is not locked, since otherwise anybody
could lock out its owner: the usual addresses of the owner keep their usual limit, and a new address
still has some attempts. Names without an account are treated in the same way, so that answers do
not reveal which accounts exist. All tables are bounded, and remove their oldest entries. A restart
removes all entries.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TypeVar

from twisted.internet.interfaces import IReactorTime

from mailhost.config.model import LoginSettings
from mailhost.logins.failures import ANY, Block
from mailhost.net.limits import client_key

DAY = 86_400.0  # seconds
MOST_GUESSES_OF_STRANGER = 3  # in a day
KNOWN_FOR = 30 * DAY
MOST_ACCOUNTS = 10_000
MOST_PAIRS = 20_000

Pair = tuple[str, str]
"""An account and a client."""

K = TypeVar("K")
V = TypeVar("V")


class AttackedAccounts:
    """`settings` may be replaced at any time. User names are in their normal form."""

    def __init__(self, clock: IReactorTime, settings: LoginSettings) -> None:
        self.settings = settings
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._guesses: OrderedDict[Pair, list[float]] = OrderedDict()
        self._known: OrderedDict[Pair, float] = OrderedDict()
        self._users: OrderedDict[str, None] = OrderedDict()

    def refuses(self, ip: str, username: str) -> bool:
        """True where an address has used up its attempts at an account that is attacked."""
        pair = username, client_key(ip)
        if not self._attacked(username) or self._knows(pair):
            return False
        return len(self._within_a_day(self._guesses.get(pair, []))) >= MOST_GUESSES_OF_STRANGER

    def failed(self, ip: str, username: str) -> None:
        """Count a failed login from the address `ip`."""
        pair = username, client_key(ip)
        if self._knows(pair):
            return  # an old password in one of the owner's own programs is no attack
        now = self._clock.seconds()
        times = self._failures.get(username, deque())
        _put(self._failures, username, deque([*times, now], self.settings.account_failures))
        _bound(self._failures, MOST_ACCOUNTS)
        guesses = self._within_a_day(self._guesses.get(pair, []))
        _put(self._guesses, pair, [*guesses, now][-MOST_GUESSES_OF_STRANGER:])
        _bound(self._guesses, MOST_PAIRS)

    def succeeded(self, ip: str, username: str) -> None:
        """Record a login: `ip` is an address of the account's owner."""
        pair = username, client_key(ip)
        self._guesses.pop(pair, None)
        _put(self._known, pair, self._clock.seconds())
        _bound(self._known, MOST_PAIRS)
        _put(self._users, username, None)
        _bound(self._users, MOST_ACCOUNTS)

    def has_logged_in(self, username: str) -> bool:
        """True if there was a login with this name since the start."""
        return username in self._users

    def blocked(self) -> list[Block]:
        """Return the accounts that are attacked now."""
        now = self._clock.seconds()
        return [
            Block(ANY, name, len(times), times[-self.settings.account_failures] + DAY - now)
            for name, times in self._failures.items()
            if self._attacked(name)
        ]

    def lift(self, client: str = "", username: str = "") -> bool:
        """Remove the counted failures at an account, or those of a client. Returns False if there
        were none."""
        pairs = [
            pair
            for pair in self._guesses
            if (username and pair[0] == username) or (client and pair[1] == client)
        ]
        for pair in pairs:
            del self._guesses[pair]
        return self._failures.pop(username, None) is not None or bool(pairs)

    def _attacked(self, username: str) -> bool:
        times = self._failures.get(username, deque())
        return len(self._within_a_day(times)) >= self.settings.account_failures

    def _knows(self, pair: Pair) -> bool:
        since = self._clock.seconds() - KNOWN_FOR
        return self._known.get(pair, since) > since

    def _within_a_day(self, times: list[float] | deque[float]) -> list[float]:
        now = self._clock.seconds()
        return [each for each in times if now - DAY < each <= now]


def _put(table: OrderedDict[K, V], key: K, value: V) -> None:
    table[key] = value
    table.move_to_end(key)


def _bound(table: OrderedDict[K, V], most: int) -> None:
    if len(table) > most:
        table.popitem(last=False)

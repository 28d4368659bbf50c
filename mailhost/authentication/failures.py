"""Counting failed logins for each client address, for a while, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from mailhost.net.limits import client_key

MOST_REMEMBERED = 10_000  # addresses; beyond that the oldest is forgotten


@dataclass(slots=True)
class _Count:
    failures: int
    since: float


class Failures:
    """`within` seconds after the first failure an address starts afresh."""

    def __init__(self, clock: IReactorTime, within: float) -> None:
        self._clock = clock
        self.within = within
        self._counts: OrderedDict[str, _Count] = OrderedDict()

    def of(self, ip: str) -> int:
        """How many there were lately."""
        count = self._counts.get(client_key(ip))
        if count is None or self._clock.seconds() - count.since > self.within:
            return 0
        return count.failures

    def add(self, ip: str) -> int:
        """Count one more, and return how many there were lately."""
        key, failures = client_key(ip), self.of(ip) + 1
        since = self._counts[key].since if failures > 1 else self._clock.seconds()
        self._counts[key] = _Count(failures, since)
        self._counts.move_to_end(key)
        if len(self._counts) > MOST_REMEMBERED:
            self._counts.popitem(last=False)
        return failures

    def forget(self, ip: str) -> None:
        """A login succeeded."""
        self._counts.pop(client_key(ip), None)

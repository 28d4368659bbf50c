"""One attempt to give one message to one destination: over a connection that is open, or to its
hosts in turn until everybody has an outcome.

A host that cannot be reached, does not want us, says 421 or is lost before it had the message
passes the turn to the next one; what a host says of a recipient or a message counts (RFC 5321
§4.5.4.1, §5.1).

Where no host took the mail, one trouble is reported of all that were met: the words of a host come
before our own verdicts (silence, no route, DNS), what may pass before what never will, and then the
first one met, which is that of the most preferred host.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailhost.interfaces import IResolver
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import Status
from mailhost.relay.connect import Unreachable, deferral
from mailhost.relay.nexthop import NO_HOST, Destination, Host, find_addresses, find_hosts
from mailhost.relay.pool import Connection, Pool
from mailhost.smtp.client import Broken
from mailhost.smtp.sending import Sending

MOST_ADDRESSES = 10  # tried for one message in one attempt
LOST = Status(451, "4.4.2", "The connection was lost before the host took the message")


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why some were not sent to, and at which host, where one talked to us."""

    status: Status
    by: str = ""

    def or_rather(self, other: Trouble) -> Trouble:
        """The one of two that is reported; this one where none says more."""
        return other if other._weight > self._weight else self

    @property
    def _weight(self) -> int:
        return 2 if self.status.answer else int(self.status.temporary)


Open = Callable[[Destination, Host, str], Awaitable[Connection]]


class Attempt:
    """`outcomes` are known so far; `reached` is true once a host was ready for mail."""

    def __init__(self, destination: Destination, sending: Sending, pool: Pool) -> None:
        self._destination = destination
        self._sending = sending
        self._pool = pool
        self.outcomes: dict[ForwardPath, Outcome] = {}
        self.reached = False

    @property
    def over(self) -> bool:
        """True when everybody has an outcome."""
        return len(self.outcomes) == len(self._sending.recipients)

    def give_up(self, trouble: Trouble) -> None:
        """Everybody else was not sent to because of this."""
        for path in self._sending.recipients:
            outcome = outcome_of(path, trouble.status, Fate.RELAYED, trouble.by)
            self.outcomes.setdefault(path, outcome)

    async def send(self, connection: Connection) -> Trouble:
        """Send over this connection, then leave it to the pool.

        Return why those who have no outcome now were not sent to.
        """
        self.reached = True
        dialogue = connection.dialogue
        trouble = LOST
        try:
            await dialogue.send(self._sending)
        except Broken as broken:
            trouble = deferral(broken.status) if broken.status else LOST.because(str(broken))
        except Exception:
            dialogue.abort()
            raise
        finally:
            self._take_outcomes(connection)
        self._pool.give(self._destination, connection)
        return Trouble(trouble, str(connection.target))

    def _take_outcomes(self, connection: Connection) -> None:
        good = Fate.PASSED_ON if connection.dialogue.reports else Fate.RELAYED
        by = str(connection.target)
        for path, status in self._sending.statuses.items():
            self.outcomes.setdefault(path, outcome_of(path, status, good, by))

    async def try_hosts(self, resolver: IResolver, own_name: str, connect: Open) -> Trouble:
        """Send to one host after the other. Return what to tell of those without an outcome."""
        hosts = await find_hosts(resolver, self._destination, own_name, random.shuffle)
        if isinstance(hosts, Status):
            return Trouble(hosts)
        trouble = Trouble(NO_HOST)
        tried = 0
        for host in hosts:
            addresses = await find_addresses(resolver, host)
            if isinstance(addresses, Status):
                trouble = trouble.or_rather(Trouble(addresses))
                continue
            for ip in addresses[: MOST_ADDRESSES - tried]:
                tried += 1
                try:
                    connection = await connect(self._destination, host, ip)
                except Unreachable as unreachable:
                    trouble = trouble.or_rather(Trouble(unreachable.status, unreachable.by))
                    continue
                trouble = trouble.or_rather(await self.send(connection))
                if self.over:
                    return trouble
        return trouble

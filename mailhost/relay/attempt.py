"""One attempt to give one message to one destination: over a connection that is open, or to its
hosts in turn until every recipient has an outcome.

A host that cannot be reached, does not want us, says 421 or is lost before it had the message
passes the turn to the next one; what a host says of a recipient or a message counts (RFC 5321
§4.5.4.1, §5.1).

Where no host took the mail, one trouble is reported of all that were met: the reply of a host comes
before our own verdicts (timeout, no route, DNS), a temporary trouble before a permanent one, a mail
loop before hosts that cannot exist. Among equals the first one met counts: that of the most
preferred host.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from twisted.internet.defer import Deferred

from mailhost.interfaces.dns import IResolver
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import Status
from mailhost.relay.connect import LeadsBack, deferral
from mailhost.relay.mx import (
    LOOP,
    NO_HOST,
    RelayHost,
    find_addresses,
    find_hosts,
    loop,
    no_hosts,
)
from mailhost.relay.nexthop import Destination
from mailhost.relay.own_addresses import OwnAddresses
from mailhost.relay.pool import Connection, Pool
from mailhost.smtp.client.connect import Unreachable
from mailhost.smtp.client.dialogue import Dialogue, with_reason
from mailhost.smtp.client.protocol import ConnectionBroken
from mailhost.smtp.client.sending import Sending

TROUBLES_LIMIT = 10  # of one message in one attempt: addresses tried, failed look-ups of hosts
LOST = Status(451, "4.4.2", "The connection broke before the host took the message")


@dataclass(frozen=True, slots=True)
class Trouble:
    """The reason why some recipients were not sent to, and the host, where one talked to us."""

    status: Status
    by: str = ""

    @property
    def weight(self) -> int:
        """The rank among several troubles, the highest is reported."""
        if self.status.answer:
            return 3
        if self.status.temporary:
            return 2
        return int(self.status.enhanced == LOOP)


def reported(troubles: Sequence[Trouble]) -> Trouble:
    """Return the trouble that is reported of several, the first ones met first."""
    if not troubles:
        return Trouble(NO_HOST)
    most = max(troubles, key=lambda trouble: trouble.weight)  # the first of equals
    if most.weight or len(troubles) == 1:
        return most
    return Trouble(no_hosts([trouble.status for trouble in troubles]))


Open = Callable[[Destination, RelayHost, str], Awaitable[Connection]]


@dataclass(frozen=True, slots=True)
class Ways:
    """The services by which hosts are found and connected to."""

    resolver: IResolver
    own_addresses: OwnAddresses
    connect: Open


class Attempt:
    """`outcomes` are known so far; `reached` is true once a host was ready for mail."""

    def __init__(self, destination: Destination, sending: Sending, pool: Pool) -> None:
        self._destination = destination
        self._sending = sending
        self._pool = pool
        self.outcomes: dict[ForwardPath, Outcome] = {}
        self.reached = False
        self._tried = 0

    @property
    def over(self) -> bool:
        """True when every recipient has an outcome."""
        return len(self.outcomes) == len(self._sending.recipients)

    def give_up(self, trouble: Trouble) -> None:
        """Give this outcome to all recipients without one."""
        for path in self._sending.recipients:
            outcome = outcome_of(path, trouble.status, Fate.RELAYED, trouble.by)
            self.outcomes.setdefault(path, outcome)

    async def send(self, connection: Connection) -> Trouble:
        """Send over this connection, then leave it to the pool.

        Return why the message was not sent to the recipients without an outcome.
        """
        self.reached = True
        dialogue, by = connection.dialogue, str(connection.target)
        trouble = LOST
        try:
            await dialogue.send(self._sending)
        except ConnectionBroken as broken:
            trouble = deferral(broken.status) if broken.status else with_reason(LOST, broken)
        except Exception:
            dialogue.abort()
            raise
        finally:
            self._take_outcomes(dialogue, by)
        self._pool.give(self._destination, connection)
        return Trouble(trouble, by)

    def _take_outcomes(self, dialogue: Dialogue, by: str) -> None:
        good = Fate.PASSED_ON if dialogue.reports else Fate.RELAYED
        for path, status in self._sending.statuses.items():
            self.outcomes.setdefault(path, outcome_of(path, status, good, by))

    async def try_hosts(self, ways: Ways) -> Trouble:
        """Send to one host after the other. Return the trouble of the recipients without an
        outcome."""
        own_name = ways.own_addresses.name
        hosts = await find_hosts(ways.resolver, self._destination, own_name, random.shuffle)
        if isinstance(hosts, Status):
            return Trouble(hosts)
        troubles: list[Trouble] = []
        for _, equals in groupby(hosts, key=lambda host: host.preference):
            troubles += await self._try_equals(list(equals), ways)
            if self._ended(troubles):
                break
        return reported(troubles)

    async def _try_equals(self, hosts: Sequence[RelayHost], ways: Ways) -> list[Trouble]:
        """Try hosts of one preference, none where one of them is this host."""
        looking = [
            Deferred.fromCoroutine(
                find_addresses(ways.resolver, self._destination, host, ways.own_addresses)
            )
            for host in hosts
        ]
        found = [await each for each in looking]
        troubles = [Trouble(each) for each in found if isinstance(each, Status)]
        for host, addresses in zip(hosts, found, strict=True):
            if self._ended(troubles):
                break
            if not isinstance(addresses, Status):
                troubles += await self._try_addresses(host, addresses, ways.connect)
        return troubles

    async def _try_addresses(
        self, host: RelayHost, addresses: Sequence[str], connect: Open
    ) -> list[Trouble]:
        troubles: list[Trouble] = []
        for ip in addresses[: TROUBLES_LIMIT - self._tried]:
            self._tried += 1
            try:
                connection = await connect(self._destination, host, ip)
            except LeadsBack as back:
                by_route = self._destination.route is not None  # settings may be mended
                met = Trouble(back.status, back.by) if by_route else Trouble(loop(back.by))
                troubles.append(met)
            except Unreachable as unreachable:
                troubles.append(Trouble(unreachable.status, unreachable.by))
            else:
                troubles.append(await self.send(connection))
            if self._ended(troubles):
                break
        return troubles

    def _ended(self, troubles: Sequence[Trouble]) -> bool:
        """True where no other host is to be tried.

        Hosts that are no better than this one would send the mail back (RFC 5321 §5.1). Hosts that
        cannot exist do not count: a good one may come after any number of them.
        """
        loops = any(trouble.status.enhanced == LOOP for trouble in troubles)
        temporary = sum(trouble.status.temporary for trouble in troubles)
        return self.over or loops or temporary >= TROUBLES_LIMIT

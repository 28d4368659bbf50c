"""One attempt to give one message to one destination: over a connection that is open, or to its
hosts in turn until every recipient has an outcome.

If a host cannot be reached, refuses the connection, replies 421, or is lost before it took the
message, the next one is tried. A reply about a recipient or the message is an outcome (RFC 5321
§4.5.4.1, §5.1).

Where no host took the mail, one fault is reported of all that were met: the reply of a host comes
before our own verdicts (timeout, no route, DNS), a temporary fault before a permanent one, a mail
loop before hosts that cannot exist. Among equals the first one met counts: that of the most
preferred host.

A host that lacks what REQUIRETLS demands has one fault for all its addresses, even if some of them
cannot be reached.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from twisted.internet.defer import Deferred

from mailhost.concurrency.answers import result_of
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.relay.connect import LeadsBack, TLSUnusable, deferral
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
from mailhost.relay.tls.decision import HostFacts, TLSPolicies
from mailhost.relay.tls.plan import TLSPlan, plan_for
from mailhost.smtp.client.connect import Unreachable
from mailhost.smtp.client.dialogue import Dialogue, with_reason
from mailhost.smtp.client.protocol import ConnectionBroken
from mailhost.smtp.client.sending import Sending

FAULTS_LIMIT = 10  # of one message in one attempt: addresses tried, failed look-ups of hosts
LOST = Status(451, "4.4.2", "The connection broke before the host took the message")
NEEDS_ENCRYPTION = "5.7.10"
NO_REQUIRETLS = Status(
    550, "5.7.30", "REQUIRETLS support required: the host does not support it, so it gets no copy"
)
_LACKING = (NEEDS_ENCRYPTION, NO_REQUIRETLS.enhanced)


@dataclass(frozen=True, slots=True)
class Fault:
    """The reason why some recipients were not sent to, and the host, where one talked to us."""

    status: Status
    by: str = ""

    @property
    def weight(self) -> int:
        """The rank among several faults, the highest is reported."""
        if self.status.answer:
            return 3
        if self.status.temporary:
            return 2
        return int(self.status.enhanced in (LOOP, *_LACKING))


def reported(faults: Sequence[Fault]) -> Fault:
    """Return the fault that is reported of several, the first ones met first."""
    if not faults:
        return Fault(NO_HOST)
    most = max(faults, key=lambda fault: fault.weight)  # the first of equals
    if most.weight or len(faults) == 1:
        return most
    return Fault(no_hosts([fault.status for fault in faults]))


Open = Callable[[Destination, TLSPlan, str], Awaitable[Connection]]


@dataclass(frozen=True, slots=True)
class RelayServices:
    """The services by which hosts are found and connected to. `facts` are those of a host that a
    decision about TLS depends on; `refused` is called for a host that must not be connected to."""

    resolver: IResolver
    own_addresses: OwnAddresses
    connect: Open
    facts: Callable[[Destination, RelayHost], Answer[HostFacts]]
    refused: Callable[[Destination, TLSPlan], Status]


class Attempt:
    """`outcomes` are known so far; `reached` is true once a host was ready for mail. `policies`
    decide about TLS, and are set before anything is sent."""

    policies: TLSPolicies

    def __init__(self, destination: Destination, sending: Sending, pool: Pool) -> None:
        self._destination = destination
        self._sending = sending
        self._pool = pool
        self._epoch = pool.epoch  # that of the settings by which connections are opened
        self.outcomes: dict[ForwardPath, Outcome] = {}
        self.reached = False
        self._tried = 0

    @property
    def over(self) -> bool:
        """True when every recipient has an outcome."""
        return len(self.outcomes) == len(self._sending.recipients)

    def give_up(self, fault: Fault) -> None:
        """Give this outcome to all recipients without one."""
        for path in self._sending.recipients:
            outcome = outcome_of(path, fault.status, Fate.RELAYED, fault.by)
            self.outcomes.setdefault(path, outcome)

    def take(self) -> Connection | None:
        """Return a connection that is open and may carry this message, None for none."""
        return self._pool.take(self._destination, self._fits)

    def _fits(self, connection: Connection) -> bool:
        return connection.plan.fulfils(self.policies) and not self._lacks_requiretls(connection)

    def _lacks_requiretls(self, connection: Connection) -> bool:
        """True for a host that does not support REQUIRETLS, if the message demands it."""
        demanded = self.policies.demand is TLSDemand.REQUIRED
        return demanded and "REQUIRETLS" not in connection.dialogue.offers

    async def send(self, connection: Connection) -> Fault:
        """Send over this connection, then leave it to the pool.

        Return why the message was not sent to the recipients without an outcome.
        """
        self.reached = True
        dialogue, by = connection.dialogue, str(connection.target)
        if self._lacks_requiretls(connection):
            self._pool.give(self._destination, connection)  # for other mail
            return Fault(NO_REQUIRETLS, by)
        fault = LOST
        try:
            await dialogue.send(self._sending)
        except ConnectionBroken as broken:
            fault = deferral(broken.status) if broken.status else with_reason(LOST, broken)
        except Exception:
            dialogue.abort()
            raise
        finally:
            self._take_outcomes(dialogue, by)
        self._pool.give(self._destination, connection)
        return Fault(fault, by)

    def _take_outcomes(self, dialogue: Dialogue, by: str) -> None:
        good = Fate.PASSED_ON if dialogue.reports else Fate.RELAYED
        for path, status in self._sending.statuses.items():
            self.outcomes.setdefault(path, outcome_of(path, status, good, by))

    async def try_hosts(self, services: RelayServices) -> Fault:
        """Send to one host after the other. Return the fault of the recipients without an
        outcome."""
        own_name = services.own_addresses.name
        hosts = await find_hosts(services.resolver, self._destination, own_name, random.shuffle)
        if isinstance(hosts, Status):
            return Fault(hosts)
        faults: list[Fault] = []
        for _, equals in groupby(hosts, key=lambda host: host.preference):
            faults += await self._try_equals(list(equals), services)
            if self._ended(faults):
                break
        return reported(faults)

    async def _try_equals(self, hosts: Sequence[RelayHost], services: RelayServices) -> list[Fault]:
        """Try hosts of one preference, none where one of them is this host."""
        looking = [
            Deferred.fromCoroutine(
                find_addresses(services.resolver, self._destination, host, services.own_addresses)
            )
            for host in hosts
        ]
        found = [await each for each in looking]
        faults = [Fault(each) for each in found if isinstance(each, Status)]
        for host, addresses in zip(hosts, found, strict=True):
            if self._ended(faults):
                break
            if not isinstance(addresses, Status):
                faults += await self._try_host(host, addresses, services)
        return faults

    async def _try_host(
        self, host: RelayHost, addresses: Sequence[str], services: RelayServices
    ) -> list[Fault]:
        facts = await result_of(services.facts(self._destination, host))
        plan = plan_for(self.policies, facts)
        if plan.decision.refused:
            return [Fault(services.refused(self._destination, plan))]
        return await self._try_addresses(plan, addresses, services.connect)

    async def _try_addresses(
        self, plan: TLSPlan, addresses: Sequence[str], connect: Open
    ) -> list[Fault]:
        faults: list[Fault] = []
        for ip in addresses[: FAULTS_LIMIT - self._tried]:
            self._tried += 1
            try:
                connection = await connect(self._destination, plan, ip)
            except LeadsBack as back:
                by_route = self._destination.route is not None  # settings may be mended
                met = Fault(back.status, back.by) if by_route else Fault(loop(back.by))
                faults.append(met)
            except Unreachable as unreachable:
                faults.append(self._fault_of(unreachable))
            else:
                connection.epoch = self._epoch
                faults.append(await self.send(connection))
            if faults[-1].status.enhanced in _LACKING:
                return faults[-1:]  # the same host at its other addresses
            if self._ended(faults):
                break
        return faults

    def _fault_of(self, unreachable: Unreachable) -> Fault:
        """Return the fault of a host that could not be used. One without STARTTLS cannot take a
        message with REQUIRETLS at any later time either (RFC 8689 §4.2.1)."""
        status = unreachable.status
        if self.policies.demand is TLSDemand.REQUIRED and isinstance(unreachable, TLSUnusable):
            lacks = unreachable.tls.failure is TLSFailure.STARTTLS_NOT_SUPPORTED
            if lacks and status.answer is None:
                status = replace(status, code=550, enhanced=NEEDS_ENCRYPTION)
        return Fault(status, unreachable.by)

    def _ended(self, faults: Sequence[Fault]) -> bool:
        """True where no other host is to be tried.

        Hosts that are no better than this one would send the mail back (RFC 5321 §5.1). Hosts that
        cannot exist do not count: a good one may come after any number of them.
        """
        loops = any(fault.status.enhanced == LOOP for fault in faults)
        temporary = sum(fault.status.temporary for fault in faults)
        return self.over or loops or temporary >= FAULTS_LIMIT

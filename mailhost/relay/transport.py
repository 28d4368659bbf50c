"""The relay: sends a message to recipients that share a next hop, in one transaction.

A message that leaves this host through an alias carries a Delivered-To field with the alias (RFC
9228), so that a mail loop is noticed when the message comes back for that address.

A destination is not tried for some seconds after no host of it could be reached, so that not each
of many messages waits for the same timeout.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from itertools import takewhile
from typing import TypeAlias, cast

from zope.interface import implementer

from mailhost.concurrency.answers import result_of
from mailhost.config.model import Listen, Relay
from mailhost.config.secrets import Secrets
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.events import Attempted, IEventSink, Warned
from mailhost.interfaces.outgoing import IForwarding
from mailhost.interfaces.queue import Carried, IRelay, Lane
from mailhost.interfaces.reactor import IReactor
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.message.trace import alias_fields
from mailhost.net.tls.peer import PeerProblem
from mailhost.relay.attempt import Attempt, Fault, RelayServices, reported
from mailhost.relay.connect import Connector, Target, TLSUnusable
from mailhost.relay.mx import NO_HOST
from mailhost.relay.nexthop import Destination, choose_destination
from mailhost.relay.own_addresses import OwnAddresses, where_we_take_mail
from mailhost.relay.pool import Connection, Pool
from mailhost.relay.sources import Sources
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.tls.decision import TLSPolicies, Verification
from mailhost.relay.tls.demands import demand_of
from mailhost.relay.tls.handshakes import Handshakes
from mailhost.relay.tls.memory import TLSMemory
from mailhost.relay.tls.plan import TLSPlan
from mailhost.relay.tls.policies import PolicyFinder
from mailhost.relay.tls.session import TLSResult, session_event, unusable
from mailhost.smtp.client.sending import Sending

# mail that demands more of TLS may fail where other mail does not
_Way: TypeAlias = tuple[Destination, TLSDemand]
FAILURE_MEMORY = 10.0  # seconds for which a destination is not tried after no host could be reached


@implementer(IRelay)
class RelayTransport:
    """Sends mail to other hosts. `settings` and `services` are replaced by `reconfigure` alone;
    `sources` may be replaced at any time, for later mail."""

    def __init__(
        self,
        reactor: IReactor,
        resolver: IResolver,
        settings: Relay,
        secrets: Secrets,
        hostname: str,
        events: IEventSink,
        handshakes: Handshakes | None = None,
        listeners: Sequence[Listen] = (),
        forwarding: IForwarding | None = None,
        sts: STSPolicies | None = None,
        sources: Sources | None = None,
        memory: TLSMemory | None = None,
    ) -> None:
        self.sources = sources or Sources()
        self._memory = memory or TLSMemory(settings.tls)
        self._clock = reactor
        self._resolver = resolver
        self._events = events
        handshakes = handshakes or Handshakes()
        self._connector = Connector(reactor, hostname, handshakes.begin)
        self._finder = PolicyFinder(reactor, resolver, settings, sts, self._memory)
        self._pool = Pool(reactor, settings)
        self._failures: dict[_Way, tuple[float, Fault]] = {}
        self.settings = settings
        self.reconfigure(settings, secrets, hostname, listeners, forwarding, handshakes)

    def reconfigure(
        self,
        settings: Relay,
        secrets: Secrets,
        hostname: str,
        listeners: Sequence[Listen] = (),
        forwarding: IForwarding | None = None,
        handshakes: Handshakes | None = None,
    ) -> None:
        """Take new settings. `listeners` are all of the host's. With `forwarding` messages that
        aliases send on may be sealed. Connections that are open go on, unless the settings for TLS
        have changed: those that are idle are ended then, and the others after their message."""
        self._forwarding = forwarding
        if settings.tls != self.settings.tls:
            self._pool.renew()
        self.settings = self._finder.settings = settings
        self._memory.settings = settings.tls
        if handshakes is not None:
            self._connector.begin_tls = handshakes.begin
        self._secrets = secrets
        self._pool.settings = settings
        self._connector.hostname = hostname
        self._connector.connect_timeout = settings.connect_timeout
        own = OwnAddresses(hostname, where_we_take_mail(listeners), settings.allow_loopback)
        self.services = RelayServices(
            self._resolver, own, self._connect, self._finder.facts, self._refused
        )
        self._failures.clear()

    async def stop(self) -> None:
        """End idle connections."""
        self._pool.close()

    def next_hop(self, sender: str, domain: str, attempts: int) -> Destination:
        routes, port = self.settings.route, self.settings.port
        source = self.sources.of(sender)
        return choose_destination(routes, port, sender, domain, attempts, source)

    async def known_policies(self, next_hop: Destination) -> TLSPolicies:
        """Return what may demand TLS at a next hop, as far as it is known."""
        return await self._finder.known(next_hop)

    def forget_failure(self, next_hop: Hashable) -> None:
        for demand in TLSDemand:
            self._failures.pop((cast("Destination", next_hop), demand), None)

    async def carry(
        self, lane: Lane, envelope: Envelope, content: Content, identity: str
    ) -> Carried:
        destination = cast("Destination", lane.next_hop)
        marked = content
        if lane.recipients[0].through:
            marked = await self._marked(lane, content, envelope.smtputf8)
        sending = Sending(envelope, marked, lane.recipients)
        attempt = Attempt(destination, sending, self._pool)
        stopped: Exception | None = None
        try:
            policies = self._finder.policies(destination)
            if not isinstance(policies, TLSPolicies):
                policies = await policies
            attempt.policies = _with_demand(policies, envelope)
            await self._pool.enter(destination)
            try:
                await self._try(destination, attempt)
            finally:
                self._pool.leave(destination)
        except Exception as bug:  # noqa: BLE001 - returned with the outcomes that are known
            stopped = bug
        outcomes = list(attempt.outcomes.values())
        for outcome in outcomes:
            self._events.emit(Attempted(identity, outcome, next_hop=destination.name))
        return Carried(outcomes, stopped)

    async def _marked(self, lane: Lane, content: Content, utf8: bool) -> Content:
        """Return the message with a Delivered-To field for each alias on top, and with a seal."""
        content = content.after(alias_fields(lane.recipients[0].through, utf8))
        if self._forwarding is None:
            return content
        domains = {each.address.domain for each in lane.recipients}
        sealed: Content = await result_of(self._forwarding.seal(content, domains))
        return sealed

    async def _try(self, destination: Destination, attempt: Attempt) -> None:
        way = (destination, attempt.policies.demand)
        until, silence = self._failures.get(way, (0.0, Fault(NO_HOST)))
        if self._clock.seconds() < until:
            attempt.give_up(silence)
            return
        kept: list[Fault] = []
        connection = attempt.take()
        if connection is not None:
            kept.append(await attempt.send(connection))
        if attempt.over:
            return
        fault = await attempt.try_hosts(self.services)
        attempt.give_up(reported([fault, *kept]))
        if fault.status.temporary and not attempt.reached:
            self._remember_failure(way, fault)

    def _remember_failure(self, way: _Way, fault: Fault) -> None:
        now = self._clock.seconds()
        self._failures.pop(way, None)
        self._failures[way] = (now + FAILURE_MEMORY, fault)
        over = takewhile(
            lambda each: self._failures[each][0] <= now, self._failures
        )  # oldest first
        for each in list(over):
            del self._failures[each]

    async def _connect(self, destination: Destination, plan: TLSPlan, ip: str) -> Connection:
        route = destination.route
        source = destination.source
        target = Target(plan.host.name, ip, destination.port, plan.decision, source=source)
        if route is not None and route.user:
            password = self._secrets.of(route.password)
            target = replace(target, user=route.user, password=password)
        try:
            opened = await self._connector.open(target)
        except TLSUnusable as unusable:
            self._report(destination, target, unusable.tls, delivered=False)
            raise
        self._report(destination, target, opened.tls, delivered=True)
        return Connection(opened.dialogue, target, plan)

    def _refused(self, destination: Destination, plan: TLSPlan) -> Status:
        """Emit that a policy of the domain forbids its host, and return the deferral."""
        host, decision = plan.host, plan.decision
        problem = cast("PeerProblem", decision.problem)
        target = Target(host.name, "", destination.port, decision)
        if decision.applied is not None:
            self._report(destination, target, TLSResult.failed(problem), delivered=False)
        return unusable(host.name, decision, problem.text)

    def _report(
        self, destination: Destination, target: Target, result: TLSResult, *, delivered: bool
    ) -> None:
        """Remember what became of TLS with a host; emit it for an MX host."""
        self._remember(target, result)
        if not result.attempted:
            return
        name, ip, tls = target.name, target.ip, target.tls
        if destination.route is None:
            event = session_event(destination.name, name, ip, tls, result, delivered)
            self._events.emit(event)
        elif tls.remembered and result.failure is not None:
            self._events.emit(Warned("relay", f"TLS to {target} of a route: {result.reason}"))

    def _remember(self, target: Target, result: TLSResult) -> None:
        decision = target.tls
        if result.secure:
            by_webpki = decision.verification is Verification.WEBPKI
            self._memory.saw(target.name, by_webpki and result.failure is None)
        if decision.remembered and result.failure is not None:
            self._memory.warned(target.name)


def _with_demand(policies: TLSPolicies, envelope: Envelope) -> TLSPolicies:
    demand = demand_of(envelope)
    return policies if demand is policies.demand else replace(policies, demand=demand)

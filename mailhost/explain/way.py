"""Finds the route of a recipient: the steps of the routing, mailboxes, and next hops with their
hosts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.answers import result_of
from mailhost.concurrency.pauses import Pause
from mailhost.concurrency.side_by_side import side_by_side
from mailhost.explain.explanation import HostView, MailboxView, NextHopView, StepView, WayView
from mailhost.explain.tls import decision_text, route_text
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.route_steps import StepRule
from mailhost.interfaces.store import IMailStore
from mailhost.message.address import Address, literal_address
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.mta_sts.lookups import find_id
from mailhost.net.dns.lookups import run_lookups
from mailhost.relay.mx import NO_ANSWER, RelayHost, find_addresses, find_hosts
from mailhost.relay.nexthop import Destination
from mailhost.relay.tls.decision import TLSPolicies
from mailhost.relay.tls.demands import decide_for_message, demand_of
from mailhost.relay.transport import RelayTransport
from mailhost.routing import Destinations, LocalDestination, Router

MOST_STEPS = 100  # that are shown
MOST_LOOK_UPS = 5  # domains whose hosts are looked up
MOST_HOSTS = 10  # of one domain whose addresses are looked up
DNS_LIMIT = 15.0  # seconds for the hosts of a domain


class _Steps:
    """The first MOST_STEPS steps, and how many there are."""

    def __init__(self) -> None:
        self.shown: list[StepView] = []
        self.count = 0

    def note(
        self, address: Address, rule: StepRule, name: Address, targets: Sequence[Address]
    ) -> None:
        """Take one step (a NoteStep)."""
        self.count += 1
        if self.count <= MOST_STEPS:
            texts = tuple(map(str, targets[:MOST_STEPS]))
            self.shown.append(StepView(str(address), str(rule), str(name), texts))


class Way:
    """Finds routes with the services of the host. `store` knows the quotas; `pause`
    is awaited between the parts of a long alias."""

    def __init__(
        self,
        router: Router,
        store: IMailStore,
        relay: RelayTransport,
        clock: IReactorTime,
        pause: Pause,
    ) -> None:
        self._router = router
        self._store = store
        self._relay = relay
        self._clock = clock
        self._pause = pause

    async def of(self, view: DirectoryView, envelope: Envelope, recipient: Address) -> WayView:
        """Return the way of a message to one recipient. Asks DNS, for DNS_LIMIT at most."""
        steps = _Steps()
        found = await self._routed(view, recipient, steps)
        shown = tuple(steps.shown)
        left_out = steps.count - len(shown)
        if isinstance(found, Status):
            return WayView(shown, (), (), str(found), left_out)
        elsewhere = list(found.elsewhere)
        mailboxes = await self._mailboxes(list(found.here.values())[:MOST_STEPS], envelope.size)
        hops = await self._next_hops(envelope, elsewhere[:MOST_LOOK_UPS])
        left_out += _beyond(found.here, MOST_STEPS) + _beyond(elsewhere, MOST_LOOK_UPS)
        return WayView(shown, mailboxes, hops, _partial_refusal(found), left_out)

    async def _routed(
        self, view: DirectoryView, recipient: Address, steps: _Steps
    ) -> Destinations | Status:
        parts = self._router.route_in_parts(view, recipient, note=steps.note)
        while True:
            try:
                next(parts)
            except StopIteration as done:
                found: Destinations | Status = done.value
                return found
            await self._pause()

    async def _mailboxes(
        self, places: Iterable[LocalDestination], size: int
    ) -> tuple[MailboxView, ...]:
        found = []
        for place in places:
            account = place.account
            fits: bool = await result_of(self._store.room(account.address, size))
            found.append(MailboxView(str(account.address), account.quota, fits))
        return tuple(found)

    async def _next_hops(
        self, envelope: Envelope, recipients: Sequence[Address]
    ) -> tuple[NextHopView, ...]:
        sender, demand = envelope.reverse_path, demand_of(envelope)
        domain = sender.domain if sender else ""
        hops = (self._next_hop(domain, demand, each) for each in recipients)
        return tuple(await side_by_side(hops))

    async def _next_hop(self, sender: str, demand: TLSDemand, recipient: Address) -> NextHopView:
        destination = self._relay.next_hop(sender, recipient.domain, 0)
        looking = Deferred.fromCoroutine(self._hosts(destination, demand))
        found: Sequence[HostView] | Status
        try:
            found = await looking.addTimeout(DNS_LIMIT, self._clock)
        except TimeoutError:
            found = NO_ANSWER.because(f"DNS gave no answer within {DNS_LIMIT:g} seconds")
        hosts, trouble = ((), _with_cause(found)) if isinstance(found, Status) else (found, "")
        return NextHopView(
            str(recipient),
            destination.route.via if destination.route else "",
            destination.port,
            _common(hosts) or (route_text(destination) if destination.route else ""),
            tuple(hosts),
            trouble,
            "" if destination.route else await self._sts_policy(destination),
        )

    async def _sts_policy(self, destination: Destination) -> str:
        """Return what is known of the policy of MTA-STS of a domain. A policy that is not known
        here is not fetched."""
        if literal_address(destination.name):
            return ""
        if not self._relay.settings.tls.mta_sts:
            return "MTA-STS policies are not obeyed: [relay.tls] mta_sts = false"
        policies = await self._relay.known_policies(destination)
        if policies.sts is not None:
            return f"the MTA-STS policy is {policies.sts.summary}"
        machine, resolver = find_id(destination.name), self._relay.services.resolver
        found = await run_lookups(machine, resolver, self._clock, DNS_LIMIT)
        if found.trouble:
            return f"it is not known whether there is an MTA-STS policy: {found.trouble}"
        if not found.id:
            return "there is no MTA-STS policy"
        return "there is an MTA-STS policy, which is fetched at the next mail, and may require TLS"

    async def _hosts(
        self, destination: Destination, demand: TLSDemand
    ) -> Sequence[HostView] | Status:
        services = self._relay.services
        own_name = services.own_addresses.name
        found = await find_hosts(services.resolver, destination, own_name, _keep_order)
        if isinstance(found, Status):
            return found
        policies = replace(await self._relay.known_policies(destination), demand=demand)
        one = partial(self._host, destination, policies)
        return await side_by_side(map(one, found[:MOST_HOSTS]))

    async def _host(
        self, destination: Destination, policies: TLSPolicies, host: RelayHost
    ) -> HostView:
        services = self._relay.services
        found = await find_addresses(services.resolver, destination, host, services.own_addresses)
        if isinstance(found, Status):
            return HostView(host.name, host.preference, trouble=_with_cause(found))
        if destination.route is not None and policies.demand is not TLSDemand.REQUIRED:
            return HostView(host.name, host.preference, tuple(found))
        decision = decide_for_message(policies, await result_of(services.facts(destination, host)))
        text = decision_text(decision, policies.demand)
        return HostView(host.name, host.preference, tuple(found), tls=text)


def _common(hosts: Sequence[HostView]) -> str:
    """Return the TLS that all hosts have, empty if they differ."""
    found = {host.tls for host in hosts if not host.trouble}
    return found.pop() if len(found) == 1 else ""


def _partial_refusal(found: Destinations) -> str:
    """Return the targets that get no message, although others do."""
    parts = (
        (found.unknown, "do not exist"),
        (found.waiting, "have no reader yet"),
    )
    return "; ".join(f"{', '.join(map(str, lost))} {why}" for lost, why in parts if lost)


def _with_cause(status: Status) -> str:
    return f"{status} [{status.cause}]" if status.cause else str(status)


def _keep_order(hosts: list[RelayHost]) -> None:
    """Sort hosts of one preference by name; a real attempt shuffles them."""
    hosts.sort(key=lambda host: host.name)


def _beyond(items: Sequence[object] | dict[Address, LocalDestination], most: int) -> int:
    return max(len(items) - most, 0)

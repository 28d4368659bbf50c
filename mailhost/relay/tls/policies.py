"""Finds what the decision about TLS depends on: the policies of a destination, the facts about a
host."""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from mailhost.concurrency.answers import then
from mailhost.config.model import Relay
from mailhost.dane.lookups import find_tlsa
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.dns import IResolver
from mailhost.message.address import literal_address
from mailhost.mta_sts.policy import STSPolicy
from mailhost.net.dns.lookups import run_lookups
from mailhost.relay.mx import RelayHost, is_localhost
from mailhost.relay.nexthop import Destination
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.tls.decision import HostFacts, TLSPolicies
from mailhost.relay.tls.memory import ExpectedTLS, TLSMemory

DNS_SECONDS = 30.0  # for the TLSA records of one host


class PolicyFinder:
    """`settings` may be replaced at any time. Without `sts` no MTA-STS policy is looked up.
    `memory` has the TLS that hosts had."""

    def __init__(
        self,
        clock: IReactorTime,
        resolver: IResolver,
        settings: Relay,
        sts: STSPolicies | None = None,
        memory: TLSMemory | None = None,
    ) -> None:
        self.settings = settings
        self._memory = memory or TLSMemory(settings.tls)
        self._clock = clock
        self._resolver = resolver
        self._sts = sts

    def policies(self, destination: Destination) -> Answer[TLSPolicies]:
        """Return what may demand TLS at a destination: at once if it is known."""
        route, domain = destination.route, destination.name
        if route is not None:
            return TLSPolicies(domain, route.tls, bool(route.user))
        if self._sts is None or not self.settings.tls.mta_sts:
            return TLSPolicies(domain)
        if literal_address(domain) or is_localhost(domain):
            return TLSPolicies(domain)
        found = self._sts.of(domain)
        if found is None:
            return TLSPolicies(domain)

        def with_sts(sts: STSPolicy | None) -> TLSPolicies:
            return TLSPolicies(domain, sts=sts)

        return then(found, with_sts)

    async def known(self, destination: Destination) -> TLSPolicies:
        """Return what may demand TLS as far as it is known; no policy is looked up or fetched."""
        route, domain = destination.route, destination.name
        if route is not None:
            return TLSPolicies(domain, route.tls, bool(route.user))
        if self._sts is None or not self.settings.tls.mta_sts:
            return TLSPolicies(domain)
        return TLSPolicies(domain, sts=await self._sts.known(domain))

    def facts(self, destination: Destination, host: RelayHost) -> Answer[HostFacts]:
        """Return what is known of a host. Only a host that an authenticated answer of DNS names
        can have TLSA records."""
        name = host.name.strip("[]")  # of an address
        secure, expected = bool(host.secure_for), self._memory.expected(name)
        if not secure or not self.settings.tls.dane:
            return HostFacts(name, secure=secure, expected=expected)
        return self._with_tlsa(host, destination.port, expected)

    async def _with_tlsa(
        self, host: RelayHost, port: int, expected: ExpectedTLS | None
    ) -> HostFacts:
        machine = find_tlsa(host.name, port)
        tlsa = await run_lookups(machine, self._resolver, self._clock, DNS_SECONDS)
        return HostFacts(host.name, tlsa, host.secure_for, secure=True, expected=expected)

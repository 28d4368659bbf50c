"""For which destinations policies are looked up, and for which hosts TLSA records."""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import result_of
from mailhost.config.model import Relay
from mailhost.dane.lookups import TLSAAnswer
from mailhost.interfaces.dns import TLSARecord
from mailhost.relay.mx import RelayHost
from mailhost.relay.nexthop import Destination
from mailhost.relay.tls.decision import HostFacts, TLSPolicies
from mailhost.relay.tls.policies import PolicyFinder
from tests.fakes import RecordingEvents
from tests.relay.fake_resolver import FakeResolver, route
from tests.relay.sts.policy_net import ENFORCE, FakeHosts, policies_at

DOMAIN, MX = "example.org", "mx.example.org"
RECORD = TLSARecord(3, 1, 1, bytes(32))


class Finding(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        self.hosts = FakeHosts()
        self.hosts.ids[DOMAIN], self.hosts.policies[DOMAIN] = "one", ENFORCE
        self.resolver = FakeResolver(addresses={MX: ["192.0.2.1"]})
        self.resolver.records["TLSA", f"_25._tcp.{MX}"] = [RECORD]
        self.resolver.secure = {MX, f"_25._tcp.{MX}"}
        clock = Clock()
        self.sts = policies_at(clock, self.hosts, folder, RecordingEvents())
        self.finder = PolicyFinder(clock, self.resolver, Relay(), self.sts)

    def policies(self, destination: Destination) -> TLSPolicies:
        work = Deferred.fromCoroutine(result_of(self.finder.policies(destination)))
        return self.successResultOf(work)

    def facts(self, host: RelayHost) -> HostFacts:
        work = Deferred.fromCoroutine(result_of(self.finder.facts(Destination(DOMAIN, 25), host)))
        return self.successResultOf(work)

    def test_the_policy_of_the_domain_of_the_recipients(self) -> None:
        found = self.policies(Destination(DOMAIN, 25))
        self.assertEqual(TLSPolicies(DOMAIN, sts=ENFORCE), found)
        self.assertIsInstance(self.finder.policies(Destination(DOMAIN, 25)), TLSPolicies)

    def test_none_is_looked_up_for_routes_addresses_and_this_machine(self) -> None:
        smarthost = route("*", "*", "smart.example.org")
        for destination in (
            Destination(DOMAIN, 25, smarthost),
            Destination("[192.0.2.1]", 25),
            Destination("localhost", 25),
        ):
            found = self.finder.policies(destination)
            assert isinstance(found, TLSPolicies)
            self.assertIsNone(found.sts)
        self.assertEqual([], self.hosts.asked)

    def test_none_where_the_settings_say_so(self) -> None:
        self.finder.settings = Relay.model_validate({"tls": {"mta_sts": False, "dane": False}})
        self.assertEqual(TLSPolicies(DOMAIN), self.policies(Destination(DOMAIN, 25)))
        self.assertIsNone(self.facts(RelayHost(MX, 10, (DOMAIN,))).tlsa)
        self.assertEqual([], self.resolver.asked)

    def test_tlsa_records_of_a_host_that_an_authenticated_answer_names(self) -> None:
        facts = self.facts(RelayHost(MX, 10, (DOMAIN,)))
        self.assertEqual(TLSAAnswer(MX, (RECORD,)), facts.tlsa)
        self.assertEqual((DOMAIN,), facts.names)

    def test_no_question_about_other_hosts(self) -> None:
        self.assertIsNone(self.facts(RelayHost(MX, 10)).tlsa)
        self.assertEqual([], self.resolver.asked)

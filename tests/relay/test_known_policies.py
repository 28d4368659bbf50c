"""MTA-STS policies of other domains as far as they are known, for those who only ask."""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Relay
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.relay.nexthop import Destination
from mailhost.relay.sts.policies import STSPolicies
from mailhost.relay.sts.store import KnownPolicy, PolicyStore
from mailhost.relay.tls.policies import PolicyFinder
from tests.doctor.running import at_once
from tests.fakes import RecordingEvents, now
from tests.relay.fake_resolver import FakeResolver, route

POLICY = STSPolicy(Mode.ENFORCE, 86400, ("mx.there.example",))


class KnownPoliciesTests(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.mkdir(folder)
        store = PolicyStore(folder)
        store.write("there.example", KnownPolicy("1", POLICY, 1000.0), 1000.0)
        no_hosts: Any = None
        self.wall = 1000.0
        clock: Any = Clock()
        sts = STSPolicies(
            clock, at_once, no_hosts, store, RecordingEvents(), wall=lambda: self.wall
        )
        self.finder = PolicyFinder(clock, FakeResolver(), Relay(), sts)

    def known(self, destination: Destination) -> STSPolicy | None:
        found: STSPolicy | None = now(self.finder.known(destination)).sts
        return found

    def test_one_in_the_data_folder(self) -> None:
        self.assertEqual(POLICY, self.known(Destination("there.example", 25)))
        self.assertIsNone(self.known(Destination("other.example", 25)))
        self.wall += POLICY.max_age
        self.assertIsNone(self.known(Destination("there.example", 25)))

    def test_none_counts_for_a_route_or_by_the_settings(self) -> None:
        by_route = Destination("there.example", 25, route("*", "*", "there.example:25"))
        self.assertIsNone(self.known(by_route))
        self.finder.settings = Relay.model_validate({"tls": {"mta_sts": False}})
        self.assertIsNone(self.known(Destination("there.example", 25)))

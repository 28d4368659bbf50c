"""Connections that several processes count together."""

from __future__ import annotations

import os

from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.account_limit import AccountLimit
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.workers.connection_counts import SharedCounts, new_counts
from tests.fakes import address

ANN, BOB = address("ann@example.com"), address("bob@example.com")
KEY = b"k" * 16


class Counting(SynchronousTestCase):
    def setUp(self) -> None:
        self.one = new_counts(KEY)
        self.addCleanup(os.close, self.one.fd)
        self.two = SharedCounts(self.one.fd, 1, KEY)
        self.one.open(1)

    def test_each_sees_the_others(self) -> None:
        self.one.add("192.0.2.1", 1)
        self.one.add("192.0.2.2", 1)
        self.assertEqual((0, 0), (self.one.total(), self.one.of_client("192.0.2.1")))
        self.assertEqual((2, 1), (self.two.total(), self.two.of_client("192.0.2.1")))
        self.assertEqual([2, 0], [self.two.of_process(row) for row in (0, 1)])
        self.one.add("192.0.2.1", -1)
        self.assertEqual((1, 0), (self.two.total(), self.two.of_client("192.0.2.1")))

    def test_a_process_that_is_gone_holds_nothing(self) -> None:
        self.two.add("192.0.2.1", 1)
        self.one.clear(1)
        self.assertEqual((0, 0), (self.one.total(), self.one.of_client("192.0.2.1")))

    def test_accounts_are_counted_apart_from_clients(self) -> None:
        limits = [AccountLimit(2, counts) for counts in (self.one, self.two)]
        self.assertIsNone(limits[0].admit(ANN))
        self.assertIsNone(limits[1].admit(ANN))
        for process in limits:
            refusal = process.admit(ANN)
            assert refusal is not None
            self.assertEqual(421, refusal.code)
            self.assertIsNone(process.admit(BOB))
        self.assertEqual((0, 0), (self.one.total(), self.one.of_client(str(ANN))))
        limits[0].release(ANN)
        self.assertIsNone(limits[1].admit(ANN))
        self.one.clear(1)
        self.assertIsNone(limits[0].admit(ANN))

    def test_limits_hold_for_all_processes_together(self) -> None:
        limits = [ConnectionLimits(Bounds(3, 2), counts) for counts in (self.one, self.two)]
        self.assertIsNone(limits[0].admit("192.0.2.1"))
        self.assertIsNone(limits[1].admit("192.0.2.1"))
        for process in limits:
            refusal = process.admit("192.0.2.1")
            assert refusal is not None
            self.assertEqual("4.7.0", refusal.enhanced)
        self.assertIsNone(limits[0].admit("192.0.2.2"))
        refusal = limits[1].admit("192.0.2.3")
        assert refusal is not None
        self.assertEqual("4.3.2", refusal.enhanced)
        limits[0].release("192.0.2.1")
        self.assertIsNone(limits[1].admit("192.0.2.1"))

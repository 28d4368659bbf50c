"""Failures are counted for each client, forgotten in time, and bounded in number."""

from __future__ import annotations

from ipaddress import ip_network

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import LoginSettings
from mailhost.logins import failures as module
from mailhost.logins.failures import LONGEST_DELAY, Block, Failures

LOOPBACK = LoginSettings().gateways
SETTINGS = LoginSettings(failures=3, failures_within=600.0, delay=2.0)


class Counting(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.failures = Failures(self.clock, SETTINGS)

    def fail_often(self, ip: str, times: int = 3) -> None:
        for _ in range(times):
            self.failures.add(ip, "ann@example.com")

    def test_delays_grow_up_to_a_limit(self) -> None:
        delays = [self.failures.add("192.0.2.1", "ann") for _ in range(20)]
        self.assertEqual(delays[:3], [2.0, 4.0, 6.0])
        self.assertEqual(delays[-1], LONGEST_DELAY)

    def test_beyond_the_limit_one_waits_for_the_window(self) -> None:
        self.fail_often("192.0.2.1", 2)
        self.assertEqual(self.failures.wait("192.0.2.1"), 0)
        self.clock.advance(100)
        self.fail_often("192.0.2.1", 1)
        self.assertEqual(self.failures.wait("192.0.2.1"), 500)
        self.assertEqual(self.failures.wait("192.0.2.2"), 0)
        self.clock.advance(500)
        self.assertEqual(self.failures.wait("192.0.2.1"), 0)
        self.assertEqual(self.failures.count("192.0.2.1"), 1)

    def test_a_network_of_ipv6_is_one_client(self) -> None:
        for number in range(3):
            self.failures.add(f"2001:db8::{number}", "ann")
        self.assertGreater(self.failures.wait("2001:db8::ffff"), 0)
        self.assertEqual(self.failures.wait("2001:db8:0:1::1"), 0)

    def test_behind_a_gateway_each_account_is_counted_on_its_own(self) -> None:
        """A webmail on this machine: one user who mistypes shuts out no other."""
        self.failures.settings = LoginSettings(
            failures=3, gateways=(*LOOPBACK, ip_network("192.0.2.8"))
        )
        for ip in ("127.0.0.1", "127.9.9.9", "::1", "", "192.0.2.8"):
            self.fail_often(ip)
            self.assertGreater(self.failures.wait(ip, "ann@example.com"), 0, ip)
            self.assertEqual(self.failures.wait(ip, "bob@example.com"), 0, ip)
            self.failures.add(ip, "bob@example.com")
            self.failures.forgive(ip, "bob@example.com")
            self.assertEqual(self.failures.count(ip, "ann@example.com"), 3, ip)
            self.failures.forgive(ip, "ann@example.com")
            self.assertEqual(self.failures.wait(ip, "ann@example.com"), 0, ip)

    def test_this_machine_counts_where_it_is_no_gateway(self) -> None:
        self.failures.settings = LoginSettings(failures=3, gateways=())
        for ip in ("127.0.0.1", "::1"):
            self.fail_often(ip)
            self.assertGreater(self.failures.wait(ip, "bob@example.com"), 0)

    def test_blocks_are_listed_and_lifted(self) -> None:
        self.fail_often("192.0.2.1", 2)
        self.assertEqual(self.failures.blocked(), [])
        self.fail_often("192.0.2.1", 2)
        self.fail_often("127.0.0.1")
        self.clock.advance(100)
        self.assertEqual(
            self.failures.blocked(),
            [
                Block("192.0.2.1", "", 4, 500.0),
                Block("127.0.0.1", "ann@example.com", 3, 500.0),
            ],
        )
        self.assertTrue(self.failures.lift(client="192.0.2.1"))
        self.assertFalse(self.failures.lift(client="192.0.2.1"))
        self.assertTrue(self.failures.lift(username="ann@example.com"))
        self.assertEqual(self.failures.blocked(), [])
        self.assertEqual(self.failures.wait("192.0.2.1"), 0)

    def test_success_forgives_what_was_done_in_its_name(self) -> None:
        self.failures.add("192.0.2.1", "ann@example.com")
        self.failures.add("192.0.2.1", "bob@example.com")
        self.failures.forgive("192.0.2.1", "ann@example.com")
        self.assertEqual(self.failures.count("192.0.2.1"), 1)
        self.failures.forgive("192.0.2.1", "bob@example.com")
        self.assertEqual(self.failures.count("192.0.2.1"), 0)

    def test_the_table_is_bounded(self) -> None:
        self.patch(module, "MOST_ADDRESSES", 10)
        for number in range(20):
            self.fail_often(f"192.0.2.{number}")
        self.assertEqual(self.failures.count("192.0.2.9"), 0)
        self.assertEqual(self.failures.count("192.0.2.10"), 3)

    def test_a_clock_set_back_locks_nobody_out(self) -> None:
        self.fail_often("192.0.2.1")
        self.clock.rightNow -= 10_000
        self.assertEqual(self.failures.wait("192.0.2.1"), 0)

    def test_a_reload_changes_the_limit(self) -> None:
        self.fail_often("192.0.2.1", 2)
        self.failures.settings = LoginSettings(failures=1)
        self.assertGreater(self.failures.wait("192.0.2.1"), 0)


class AtOnce(SynchronousTestCase):
    """Many attempts at once are decided few at a time."""

    def setUp(self) -> None:
        self.failures = Failures(Clock(), SETTINGS)
        self.begun: list[int] = []

    def begin(self, number: int) -> Deferred[None]:
        async def attempt() -> None:
            await self.failures.begin("192.0.2.1")
            self.begun.append(number)

        return Deferred.fromCoroutine(attempt())

    def test_no_more_than_failures_could_be_borne(self) -> None:
        for number in range(6):
            self.begin(number)
        self.assertEqual(self.begun, [0, 1, 2])
        self.failures.end("192.0.2.1")  # a success
        self.assertEqual(self.begun, [0, 1, 2, 3])
        self.failures.add("192.0.2.1", "ann")
        self.failures.end("192.0.2.1")  # a failure makes room for nobody
        self.assertEqual(self.begun, [0, 1, 2, 3])

    def test_each_gets_its_turn_in_the_end(self) -> None:
        for number in range(20):
            self.begin(number)
        for _ in range(20):
            self.failures.add("192.0.2.1", "ann")
            self.failures.end("192.0.2.1")
        self.assertEqual(self.begun, list(range(20)))

    def test_attempts_of_a_process_that_died_block_no_others(self) -> None:
        for number in range(6):
            self.begin(number)
        self.failures.end_all()
        self.assertEqual(self.begun, [0, 1, 2, 3, 4, 5])
        for _ in range(6):  # those that did not die end later
            self.failures.end("192.0.2.1")
        self.begin(6)
        self.assertEqual(self.begun[-1], 6)

    def test_others_do_not_wait(self) -> None:
        for number in range(3):
            self.begin(number)
        self.successResultOf(Deferred.fromCoroutine(self.failures.begin("192.0.2.2")))

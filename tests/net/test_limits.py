"""How many connections are let in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.limits import Bounds, ConnectionLimits, client_key


class ClientKeyTests(SynchronousTestCase):
    def test_one_client(self) -> None:
        self.assertEqual(client_key("192.0.2.7"), "192.0.2.7")
        self.assertEqual(client_key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64")
        self.assertEqual(client_key("2001:db8:1:2::9"), client_key("2001:db8:1:2:ffff::"))
        self.assertNotEqual(client_key("2001:db8:1:2::9"), client_key("2001:db8:1:3::9"))
        self.assertEqual(client_key("fe80::1%eth0"), "fe80::/64")
        self.assertEqual(client_key(""), "")


class LimitTests(SynchronousTestCase):
    def test_of_one_client(self) -> None:
        limits = ConnectionLimits(Bounds(10, 2))
        self.assertIsNone(limits.admit("192.0.2.1"))
        self.assertIsNone(limits.admit("192.0.2.1"))
        refusal = limits.admit("192.0.2.1")
        assert refusal is not None
        self.assertEqual((refusal.code, refusal.enhanced), (421, "4.7.0"))
        self.assertIn("192.0.2.1", refusal.cause)
        self.assertIsNone(limits.admit("192.0.2.2"))
        limits.release("192.0.2.1")
        self.assertIsNone(limits.admit("192.0.2.1"))

    def test_of_one_network(self) -> None:
        limits = ConnectionLimits(Bounds(10, 1))
        self.assertIsNone(limits.admit("2001:db8::1"))
        self.assertIsNotNone(limits.admit("2001:db8::2"))
        limits.release("2001:db8::1")
        self.assertIsNone(limits.admit("2001:db8::2"))

    def test_of_all(self) -> None:
        limits = ConnectionLimits(Bounds(2, 5))
        self.assertIsNone(limits.admit("192.0.2.1"))
        self.assertIsNone(limits.admit(""))
        refusal = limits.admit("192.0.2.3")
        assert refusal is not None
        self.assertEqual((refusal.code, refusal.enhanced), (421, "4.3.2"))

    def test_unix_sockets_are_no_one_client(self) -> None:
        limits = ConnectionLimits(Bounds(10, 1))
        for _ in range(5):
            self.assertIsNone(limits.admit(""))

    def test_new_bounds_hold_from_now_on(self) -> None:
        limits = ConnectionLimits(Bounds(10, 5))
        limits.admit("192.0.2.1")
        limits.bounds = Bounds(1, 1)
        self.assertIsNotNone(limits.admit("192.0.2.2"))
        limits.release("192.0.2.1")
        self.assertIsNone(limits.admit("192.0.2.2"))
        self.assertEqual(limits.total, 1)

    def test_nothing_is_kept_of_who_is_gone(self) -> None:
        limits = ConnectionLimits(Bounds(10, 5))
        for number in range(200):
            limits.admit(f"192.0.2.{number}")
            limits.release(f"192.0.2.{number}")
        self.assertEqual(limits.total, 0)
        self.assertEqual(len(limits._of_client), 0)

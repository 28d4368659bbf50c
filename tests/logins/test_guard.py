"""The guard before every login: what it counts, refuses, shows and forgets."""

from __future__ import annotations

from zope.interface.verify import verifyObject

from mailhost.interfaces.events import LoginRefused
from mailhost.interfaces.logins import ILoginGuard
from mailhost.logins.failures import Block
from mailhost.message.client import Client
from tests.logins.guarding import ANN, DAY, GuardCase


class Counting(GuardCase):
    def test_it_is_a_guard(self) -> None:
        verifyObject(ILoginGuard, self.guard)

    def test_beyond_the_limit_nothing_is_judged(self) -> None:
        for _ in range(5):
            self.assertIsNone(self.guess("192.0.2.1"))
        refusal = self.begin("192.0.2.1")
        assert refusal is not None
        self.assertEqual((refusal.code, refusal.enhanced), (421, "4.7.0"))
        self.assertEqual(6, len(self.events.of(LoginRefused)))
        self.clock.advance(601)
        self.assertIsNone(self.succeed("192.0.2.1"))

    def test_a_failure_that_was_no_guess_is_logged_and_not_counted(self) -> None:
        for _ in range(20):
            self.assertIsNone(self.guess("192.0.2.1", guessed=False))
        self.assertEqual(0, self.events.of(LoginRefused)[-1].failures)

    def test_a_user_of_a_webmail_who_mistypes_shuts_out_no_other(self) -> None:
        for _ in range(5):
            self.guess("127.0.0.1")
        self.assertIsNotNone(self.begin("127.0.0.1"))
        self.assertIsNotNone(self.begin("127.0.0.1", "ANN@Example.COM"))
        self.assertIsNone(self.succeed("127.0.0.1", "bob@example.com"))

    def test_undecided_steps_are_not_counted(self) -> None:
        for _ in range(20):
            self.assertIsNone(self.begin("192.0.2.1", ""))
            self.guard.undecided(Client("192.0.2.1"), "")
        self.assertEqual([], self.events.told)


class Operator(GuardCase):
    def test_blocked_clients_and_accounts_are_listed(self) -> None:
        self.attack()
        for _ in range(5):
            self.guess("2001:db8::1", "bob@example.com")
        self.clock.advance(100)
        self.assertEqual(
            self.guard.blocked(),
            [Block("2001:db8::/64", "", 5, 500.0), Block("*", ANN, 20, DAY - 100)],
        )

    def test_an_address_is_unblocked(self) -> None:
        self.attack()
        for _ in range(3):
            self.guess("2001:db8::1")
        for _ in range(5):
            self.guess("2001:db8::1", "bob@example.com")
        self.assertTrue(self.guard.unblock("2001:db8::9"))
        self.assertIsNone(self.succeed("2001:db8::1"))
        self.assertFalse(self.guard.unblock("192.0.2.99"))

    def test_a_network_is_unblocked_as_it_is_shown(self) -> None:
        for _ in range(5):
            self.guess("2001:db8::7")
        [block] = self.guard.blocked()
        self.assertEqual(block.client, "2001:db8::/64")
        self.assertTrue(self.guard.unblock(block.client))
        self.assertEqual(self.guard.blocked(), [])

    def test_an_account_is_unblocked(self) -> None:
        self.attack()
        for _ in range(5):
            self.guess("127.0.0.1")
        self.assertTrue(self.guard.unblock("ANN@example.com"))
        self.assertEqual([], self.guard.blocked())
        self.assertIsNone(self.succeed("127.0.0.1"))
        self.assertFalse(self.guard.unblock("nobody@example.com"))

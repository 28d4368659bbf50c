"""Guesses at one account from many addresses."""

from __future__ import annotations

from mailhost.logins import attacked
from tests.logins.guarding import ANN, DAY, GuardCase


class Attacked(GuardCase):
    """Many addresses guess at one account, each too seldom to be refused."""

    def test_unknown_addresses_have_few_attempts(self) -> None:
        self.attack()
        for _ in range(attacked.MOST_GUESSES_OF_STRANGER):
            self.assertIsNone(self.guess("192.0.2.1"))
        refusal = self.begin("192.0.2.1")
        assert refusal is not None
        self.assertEqual((refusal.code, refusal.enhanced), (454, "4.7.0"))
        self.clock.advance(DAY / 2)
        self.assertIsNotNone(self.begin("192.0.2.1"))
        self.assertIsNone(self.succeed("192.0.2.1", "bob@example.com"))
        self.clock.advance(DAY / 2 + 1)
        self.assertIsNone(self.guess("192.0.2.1"))

    def test_the_owner_gets_in_from_a_new_address(self) -> None:
        self.attack()
        self.guess("192.0.2.1")
        self.assertIsNone(self.succeed("192.0.2.1"))

    def test_a_known_address_of_the_owner_keeps_its_usual_limit(self) -> None:
        self.succeed("192.0.2.1")
        self.clock.advance(20 * DAY)
        self.attack()
        for _ in range(5):
            self.assertIsNone(self.guess("192.0.2.1"))
        self.clock.advance(601)
        self.assertIsNone(self.succeed("192.0.2.1"))

    def test_an_old_password_in_the_owners_program_is_no_attack(self) -> None:
        self.succeed("192.0.2.1")
        for _ in range(100):
            self.clock.advance(200)
            self.assertIsNone(self.guess("192.0.2.1"))
        self.assertEqual([], self.guard.blocked())

    def test_it_does_not_matter_whether_the_account_exists(self) -> None:
        self.attack("nobody@example.com")
        for _ in range(attacked.MOST_GUESSES_OF_STRANGER):
            self.guess("192.0.2.1", "nobody@example.com")
        self.assertIsNotNone(self.begin("192.0.2.1", "nobody@example.com"))

    def test_an_account_is_one_under_each_name_of_its_domain(self) -> None:
        for number in range(20):
            self.guess(f"198.51.100.{number}", f"ann@{('example.com', 'also.example')[number % 2]}")
        self.assertEqual([each.account for each in self.guard.blocked()], [ANN])
        self.assertTrue(self.guard.unblock("ann@also.example"))

    def test_a_bare_name_is_one_account_however_it_is_written(self) -> None:
        for number in range(20):
            self.guess(f"198.51.100.{number}", ("root", "ROOT", " root")[number % 3])
        self.assertEqual([each.account for each in self.guard.blocked()], ["root"])

    def test_the_tables_are_bounded(self) -> None:
        self.patch(attacked, "MOST_ACCOUNTS", 10)
        self.patch(attacked, "MOST_PAIRS", 10)
        self.attack()
        for number in range(20):
            self.guess(f"203.0.113.{number}", f"{number}@example.com")
            self.succeed(f"203.0.113.{number}", f"{number}@example.org")
        tables = self.guard._attacked
        for table in (tables._failures, tables._guesses, tables._known, tables._users):
            self.assertEqual(10, len(table))

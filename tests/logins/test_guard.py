"""The guard before every login: what it counts, refuses, shows and forgets."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.config.model import LoginSettings
from mailhost.interfaces.accounts import Account, DirectoryView, Domain
from mailhost.interfaces.events import LoginRefused
from mailhost.interfaces.logins import ILoginGuard
from mailhost.logins import attacked
from mailhost.logins.authenticator import WRONG
from mailhost.logins.failures import Block
from mailhost.logins.guard import LoginGuard
from mailhost.logins.loggable_names import may_be_shown
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import Status
from tests.fakes import RecordingEvents

ANN = "ann@example.com"
DAY = 86_400.0
SETTINGS = LoginSettings(failures=5, failures_within=600.0, delay=0.0, account_failures=20)


class GuardCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000_000)
        self.events = RecordingEvents()
        names = {"also.example": "example.com"}
        self.guard = LoginGuard(
            self.clock,
            SETTINGS,
            self.events,
            lambda name: name == ANN,
            lambda domain: names.get(domain, domain),
        )

    def begin(self, ip: str, username: str = ANN) -> Status | None:
        return self.successResultOf(Deferred.fromCoroutine(self.guard.begin(Client(ip), username)))

    def guess(self, ip: str, username: str = ANN, guessed: bool = True) -> Status | None:
        """An attempt with a wrong password; return the refusal where it was refused unseen."""
        refusal = self.begin(ip, username)
        if refusal is None:
            failed = self.guard.failed(Client(ip), username, WRONG, guessed)
            self.successResultOf(Deferred.fromCoroutine(failed))
        return refusal

    def succeed(self, ip: str, username: str = ANN) -> Status | None:
        refusal = self.begin(ip, username)
        if refusal is None:
            self.guard.succeeded(Client(ip), username)
        return refusal

    def attack(self, username: str = ANN) -> None:
        """From many addresses, none of which fails often."""
        for number in range(20):
            self.assertIsNone(self.guess(f"198.51.100.{number}", username))


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


class Shown(GuardCase):
    """Some users type their password in place of their name."""

    def test_a_name_that_may_be_a_password_is_not_logged(self) -> None:
        self.guess("192.0.2.1", "hunter2")
        self.guess("192.0.2.1", ANN)
        first, second = self.events.lines
        self.assertNotIn("hunter2", first)
        self.assertIn("not logged", first)
        self.assertIn(repr(ANN), second)

    def test_a_name_that_somebody_logged_in_with_is(self) -> None:
        self.succeed("192.0.2.1", "EXAMPLE\\ann")
        self.guess("192.0.2.2", "EXAMPLE\\ann")
        self.assertIn("EXAMPLE", self.events.lines[-1])

    def test_which_names_are(self) -> None:
        account = Account(Address("Ann", "example.com"))
        domain = Domain("example.com", {"ann": account})
        view = DirectoryView({"example.com": domain}, {"example.org": "example.com"})
        for name in ("ANN@Example.com", "nobody@example.org", "ann", "ANN", "eve@example.net"):
            self.assertTrue(may_be_shown(name, view, "mx.example.net"), name)
        for name in ("hunter2", "p@ss", "x@net", "", "me@evil.example", "\0", "a" * 500):
            self.assertFalse(may_be_shown(name, view, "mx.example.net"), name)

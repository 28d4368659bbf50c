"""Logins that succeed and fail, their delays and limits, and their lines in the log."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.trial.unittest import TestCase
from zope.interface.verify import verifyObject

from mailhost.config.model import LoginSettings
from mailhost.interfaces.accounts import Account, AppPassword, DirectoryView, Domain
from mailhost.interfaces.events import LoggedIn, LoginRefused
from mailhost.interfaces.logins import IAuthenticator, ScramKeys
from mailhost.logins.app_passwords import hash_app_password, new_app_password
from mailhost.logins.authenticator import Authenticator
from mailhost.logins.guard import LoginGuard
from mailhost.logins.stored_secret import ITERATIONS
from mailhost.message.address import Address
from mailhost.message.client import Client, TLSState
from mailhost.message.status import Status
from tests.logins.authenticating import (
    ANN,
    CLIENT,
    OTHER,
    SCRAM,
    SECRET,
    SETTINGS,
    Case,
    Directory,
    Events,
    _start,
    view_of,
)


class Mechanisms(Case):
    def test_it_is_an_authenticator(self) -> None:
        verifyObject(IAuthenticator, self.authenticator)

    def test_no_password_in_the_clear(self) -> None:
        plain = replace(CLIENT, tls=None)
        self.assertEqual(self.authenticator.mechanisms(plain), ())
        self.assertCode(538, self.login("right", client=plain))
        self.assertEqual(self.threads.count, 0)

    def test_all_with_tls(self) -> None:
        everything = ("SCRAM-SHA-256", "PLAIN", "LOGIN")
        self.assertEqual(self.authenticator.mechanisms(CLIENT), everything)

    def test_no_mechanism_is_offered_over_old_tls(self) -> None:
        for old in (
            TLSState("TLSv1", "ECDHE-RSA-AES128-SHA"),
            TLSState("TLSv1.2", "AES128-GCM-SHA256"),
            TLSState("TLSv1.2", "ECDHE-RSA-AES128-SHA"),
        ):
            self.assertEqual(self.authenticator.mechanisms(replace(CLIENT, tls=old)), (), old)
        for good in ("ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"):
            client = replace(CLIENT, tls=TLSState("TLSv1.2", good))
            self.assertTrue(self.authenticator.mechanisms(client), good)

    def test_loopback_only_where_the_settings_say_so(self) -> None:
        local = Client("127.0.0.1")
        self.assertEqual(self.authenticator.mechanisms(local), ())
        self.authenticator.reconfigure(LoginSettings(plaintext_on_loopback=True))
        for ip in ("127.0.0.1", "::1", ""):
            self.assertTrue(self.authenticator.mechanisms(Client(ip)))
        self.assertEqual(self.authenticator.mechanisms(Client("192.0.2.1")), ())


class Passwords(Case):
    def test_the_right_one(self) -> None:
        self.assertEqual(self.login("right"), ANN)
        self.assertEqual(self.events.told, [LoggedIn(CLIENT, ANN, "PLAIN")])

    def test_the_name_however_written(self) -> None:
        for name in ("ANN@Example.COM", "ann@example.org", "a\u00adnn@example.com"):
            self.assertEqual(self.login("right", name), ANN)

    def test_a_wrong_one(self) -> None:
        self.assertCode(535, self.login("wrong"))
        (event,) = self.events.told
        assert isinstance(event, LoginRefused)
        self.assertEqual((event.username, event.failures), ("ann@example.com", 1))
        self.assertEqual("PLAIN", event.key.reason)
        self.assertEqual(self.causes, ["wrong password"])

    def test_everybody_else_is_refused_with_the_same_words(self) -> None:
        wrong = self.login("wrong")
        assert isinstance(wrong, Status)
        self.guard.reconfigure(LoginSettings(failures=100))
        for name in ("nobody@example.com", "ann@elsewhere.example", "mute@example.com", "ann"):
            answer = self.login("right", name)
            assert isinstance(answer, Status)
            self.assertEqual(replace(answer, cause=""), replace(wrong, cause=""))
        self.assertEqual(
            [cause.partition(":")[0] for cause in self.causes[1:]],
            [
                "there is no such account",
                "there is no such account",
                "the account has no password, so nobody can log in to it",
                "the user name is no address; log in with the whole address, such as "
                "ann@example.com",
            ],
        )

    def test_who_is_unknown_takes_as_much_hashing(self) -> None:
        self.login("wrong")
        known = self.threads.count
        self.login("wrong", "nobody@example.com")
        self.assertEqual(self.threads.count, 2 * known)

    def test_a_damaged_secret_is_told_to_the_operator(self) -> None:
        self.assertCode(535, self.login("right", "broken@example.com"))
        self.assertIn("the account's secret cannot be used", self.causes[0])

    def test_an_account_made_a_moment_ago(self) -> None:
        self.directory.newest = view_of(zoe=SECRET)
        self.assertEqual(self.login("right", "zoe@example.com"), Address("zoe", "example.com"))

    def test_a_password_changed_a_moment_ago(self) -> None:
        self.directory.newest = view_of(Ann=OTHER)
        self.assertEqual(self.login("other"), ANN)

    def test_an_account_removed_a_moment_ago(self) -> None:
        self.directory.view = self.directory.newest = view_of(bob=OTHER)
        self.assertCode(535, self.login("right"))


class AppPasswords(Case):
    def setUp(self) -> None:
        super().setUp()
        self.password = new_app_password()
        self.used: list[tuple[Address, str]] = []
        self.authenticator = Authenticator(
            cast("Any", self.clock),
            self.directory,
            SETTINGS,
            self.events,
            self.guard,
            self.threads,
            lambda account, name: self.used.append((account, name)),
        )
        self.give("Ann", "phone", SECRET)

    def give(self, local: str, name: str = "", secret: str = "") -> None:
        """Have the directory know an app password, none without a name."""
        further = (AppPassword(name, hash_app_password(self.password)),) if name else ()
        account = Account(Address(local, "example.com"), secret, app_passwords=further)
        accounts = {**self.directory.view.domains["example.com"].accounts, local.lower(): account}
        domain = Domain("example.com", accounts)
        self.directory.newest = DirectoryView({"example.com": domain})

    def test_it_is_taken_without_hashing(self) -> None:
        for typed in (self.password, self.password.upper().replace("-", " ")):
            self.assertEqual(self.login(typed), ANN)
        self.assertEqual(self.threads.count, 1)  # before the directory was refreshed
        self.assertEqual(self.used, [(ANN, "phone")] * 2)
        logged_in = [event.line for event in self.events.told if isinstance(event, LoggedIn)]
        self.assertIn("by PLAIN with the app password 'phone'", logged_in[0])

    def test_the_own_password_still_works(self) -> None:
        self.assertEqual(self.login("right"), ANN)
        self.assertEqual(self.used, [(ANN, "")])

    def test_an_account_without_a_password_of_its_own(self) -> None:
        self.give("mute", "phone")
        mute = Address("mute", "example.com")
        self.assertEqual(self.login(self.password, "mute@example.com"), mute)
        self.assertCode(535, self.login("wrong", "mute@example.com"))
        self.assertIn("app passwords alone", self.causes[-1])

    def test_it_is_that_of_one_account(self) -> None:
        self.login(self.password)
        self.assertCode(535, self.login(self.password, "bob@example.com"))

    def test_one_that_was_revoked(self) -> None:
        self.login(self.password)
        self.give("Ann", secret=SECRET)
        self.successResultOf(_start(self.directory.refresh()))
        self.assertCode(535, self.login(self.password))
        self.assertEqual(len(self.used), 1)

    def test_a_wrong_one_is_counted_and_costs_as_much_as_another_wrong_password(self) -> None:
        self.successResultOf(_start(self.directory.refresh()))
        before = self.threads.count
        self.assertCode(535, self.login(new_app_password()))
        self.assertEqual(self.threads.count - before, 1)
        self.assertCode(535, self.login("wrong", "bob@example.com"))
        self.assertEqual(self.threads.count - before, 2)
        self.assertCode(535, self.login("wrong"))
        self.assertCode(421, self.login(self.password))

    def test_a_failure_by_scram_names_the_remedy(self) -> None:
        self.successResultOf(_start(self.directory.refresh()))
        waiting = _start(self.authenticator.scram_result(CLIENT, "ann@example.com", False))
        refusal = self.finish(waiting)
        self.assertCode(535, refusal)
        self.assertIn("choose PLAIN", self.causes[-1])
        self.assertIn("app passwords need PLAIN or LOGIN", cast(Status, refusal).text)

    def test_the_remedy_does_not_tell_which_accounts_there_are(self) -> None:
        texts = set()
        for name in ("ann@example.com", "bob@example.com", "missing@example.com"):
            waiting = _start(self.authenticator.scram_result(CLIENT, name, False))
            texts.add(cast(Status, self.finish(waiting)).text)
        self.assertEqual(1, len(texts))


class Outages(Case):
    def test_those_who_are_known_still_get_in(self) -> None:
        self.directory.newest = None
        self.assertEqual(self.login("right"), ANN)

    def test_others_are_to_come_again_and_guesses_count(self) -> None:
        self.directory.newest = None
        for name in ("nobody@example.com", "ann@example.com", "ann@example.com"):
            self.assertCode(454, self.login("wrong", name))
        self.assertEqual(self.causes, ["held by another process"] * 3)
        self.assertCode(421, self.login("wrong"))


class Slowing(Case):
    def test_failures_are_told_later_and_later(self) -> None:
        for seconds in (1, 2, 3):
            waiting = self.begin("wrong")
            self.clock.advance(seconds - 0.1)
            self.assertNoResult(waiting)
            self.clock.advance(0.2)
            self.assertCode(535, self.successResultOf(waiting))

    def test_beyond_the_limit_at_once_and_without_hashing(self) -> None:
        for _ in range(3):
            self.login("wrong")
        count = self.threads.count
        self.assertCode(421, self.successResultOf(self.begin("right")))
        self.assertEqual(self.threads.count, count)
        other = replace(CLIENT, ip="192.0.2.2")
        self.assertEqual(self.login("right", client=other), ANN)
        self.clock.advance(601)
        self.assertEqual(self.login("right"), ANN)

    def test_success_makes_up_for_failures(self) -> None:
        for _ in range(5):
            self.login("wrong")
            self.login("wrong", "ANN@example.org")
            self.login("right", "ann@example.org")
            self.login("right")

    def test_but_not_for_those_in_others_names(self) -> None:
        for _ in range(2):
            self.login("guess", "bob@example.com")
            self.login("right")
        self.login("guess", "bob@example.com")
        self.assertCode(421, self.login("right"))

    def test_many_connections_get_no_more_guesses(self) -> None:
        self.threads.held = []
        waiting = [self.begin("wrong") for _ in range(20)]
        while self.threads.held:
            self.threads.held.pop()()
        answers = [self.finish(one) for one in waiting]
        codes = [answer.code for answer in answers if isinstance(answer, Status)]
        self.assertEqual(sorted(codes), [421] * 17 + [535] * 3)

    def test_many_right_ones_at_once_all_get_in(self) -> None:
        self.threads.held = []
        waiting = [self.begin("right") for _ in range(20)]
        while self.threads.held:
            self.threads.held.pop()()
        self.assertEqual([self.finish(one) for one in waiting], [ANN] * 20)


class ScramKeysOf(Case):
    def keys(self, username: str, client: Client = CLIENT) -> ScramKeys | Status:
        return self.finish(_start(self.authenticator.scram_keys(client, username)))

    def result(self, proven: bool, username: str = "ann@example.com") -> Address | Status:
        answer = self.authenticator.scram_result(CLIENT, username, proven)
        return self.finish(_start(answer))

    def test_those_of_the_secret(self) -> None:
        keys = self.keys("ANN@example.org")
        assert isinstance(keys, ScramKeys)
        self.assertIn(f"${keys.iterations}:", SCRAM)
        self.assertEqual(keys, self.keys("ann@example.com"))

    def test_made_up_but_steady_ones_for_the_unknown(self) -> None:
        for name in ("nobody@example.com", "nobody", "mute@example.com", "plain@example.com"):
            keys = self.keys(name)
            assert isinstance(keys, ScramKeys)
            self.assertEqual(keys, self.keys(name.upper() if "@" in name else name))
            self.assertEqual((len(keys.salt), len(keys.stored_key)), (16, 32))
        self.assertNotEqual(self.keys("nobody@example.com"), self.keys("nobody2@example.com"))

    def test_made_up_ones_have_the_iterations_of_accounts(self) -> None:
        """Accounts with a password of an older version have more; that must not tell them apart."""
        old = re.sub(r"SCRAM-SHA-256\$\d+:", "SCRAM-SHA-256$100000:", SCRAM)
        self.directory.newest = view_of(ann=SCRAM, bob=old)
        names = [f"nobody{number}@example.com" for number in range(40)]
        counts = {keys.iterations for keys in map(self.keys, names) if isinstance(keys, ScramKeys)}
        self.assertEqual(counts, {100_000, ITERATIONS})

    def test_they_are_the_same_under_each_name_of_a_domain(self) -> None:
        """As those of accounts are."""
        self.assertEqual(self.keys("nobody@example.com"), self.keys("nobody@example.org"))

    def test_made_up_salts_are_the_same_after_a_restart(self) -> None:
        """Otherwise a client that asks before and after learns which accounts exist."""
        found = []
        for _ in range(2):
            self.setUp()
            self.authenticator.use_key(b"k" * 32)
            found.append(self.keys("nobody@example.com"))
        self.assertEqual(found[0], found[1])

    def test_the_newest_ones(self) -> None:
        self.directory.newest = view_of(Ann=OTHER)
        before = self.directory.view
        self.assertIsNot(before, self.directory.newest)
        keys = self.keys("ann@example.com")
        assert isinstance(keys, ScramKeys)
        self.assertNotIn(f"${keys.iterations}:{keys.salt!r}", SCRAM)
        self.assertIs(self.directory.view, self.directory.newest)

    def test_an_outage(self) -> None:
        self.directory.newest = None
        self.assertIsInstance(self.keys("ann@example.com"), ScramKeys)
        self.assertCode(454, self.keys("nobody@example.com"))

    def test_no_keys_in_the_clear(self) -> None:
        self.assertCode(538, self.keys("ann@example.com", replace(CLIENT, tls=None)))

    def test_the_result(self) -> None:
        self.assertEqual(self.result(True), ANN)
        self.assertEqual(self.events.told, [LoggedIn(CLIENT, ANN, "SCRAM-SHA-256")])
        self.assertCode(535, self.result(True, "nobody@example.com"))

    def test_failures_count_as_any(self) -> None:
        for _ in range(3):
            self.assertCode(535, self.result(False))
        self.assertCode(421, self.result(True))
        self.assertCode(421, self.keys("ann@example.com"))
        self.assertCode(421, self.login("right"))

    def test_a_secret_without_keys_is_told_to_the_operator(self) -> None:
        self.result(False, "plain@example.com")
        self.assertIn("no keys for SCRAM", self.causes[0])


class RealThreads(TestCase):
    async def test_hashing_in_the_reactors_threads(self) -> None:
        reactor = cast("Any", installed_reactor)
        guard = LoginGuard(reactor, SETTINGS, Events(), lambda name: True)
        authenticator = Authenticator(reactor, Directory(), SETTINGS, Events(), guard)
        answer = await authenticator.password(CLIENT, "ann@example.com", "right", "PLAIN")
        self.assertEqual(answer, ANN)

"""When a policy is looked up, fetched, kept and renewed."""

from __future__ import annotations

import os
import sqlite3
import stat
from dataclasses import replace
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.concurrency.answers import result_of
from mailhost.interfaces.events import Faulted, Notice
from mailhost.interfaces.tls_sessions import TLSFailure, TLSSession
from mailhost.mta_sts.lookups import PolicyId
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.relay.sts.policies import DNS_FAILURE, MOST_DOMAINS, PATIENCE, RECHECK, ROUND
from mailhost.relay.sts.policy_hosts import PolicyUnavailable
from mailhost.relay.sts.store import PolicyStore
from tests.fakes import RecordingEvents
from tests.relay.sts.policy_net import ENFORCE, FakeHosts, policies_at

DOMAIN = "example.org"
DAY = 86_400.0
DOWN = PolicyUnavailable(TLSFailure.STS_FETCH, "https://mta-sts.example.org: connection refused")


class PoliciesCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.hosts = FakeHosts()
        self.events = RecordingEvents()
        self.folder = self.mktemp()
        os.mkdir(self.folder)
        self.hosts.ids[DOMAIN] = "one"
        self.hosts.policies[DOMAIN] = ENFORCE
        self.restart()

    def restart(self) -> None:
        """The host starts with the same data folder."""
        self.policies = policies_at(self.clock, self.hosts, self.folder, self.events)

    def now(self, domain: str = DOMAIN) -> STSPolicy | None:
        """Return the policy for mail that is sent now, which must be known at once."""
        found = self.policies.of(domain)
        assert found is None or isinstance(found, STSPolicy)
        return found

    def first(self, domain: str = DOMAIN) -> STSPolicy | None:
        """Return the policy for the first mail, which may have to wait."""
        return self.successResultOf(self.begin(domain))

    def begin(self, domain: str = DOMAIN) -> Deferred[STSPolicy | None]:
        """Begin with the first mail, which has to wait."""
        found = self.policies.of(domain)
        assert found is not None and not isinstance(found, STSPolicy)
        return Deferred.fromCoroutine(result_of(found))

    @property
    def failures(self) -> list[TLSSession]:
        return self.events.of(TLSSession)


class First(PoliciesCase):
    """The first mail for a domain."""

    def test_it_waits_for_the_policy_and_the_next_does_not(self) -> None:
        self.assertEqual(ENFORCE, self.first())
        self.assertEqual(ENFORCE, self.now())
        self.assertEqual([DOMAIN], self.hosts.fetched)
        (notice,) = self.events.of(Notice)
        text = "the MTA-STS policy of example.org is mode enforce, mx mx.example.org, for 604800 s"
        self.assertEqual(text, notice.line)

    def test_all_mail_waits_for_one_look_up(self) -> None:
        fetched: Deferred[STSPolicy] = Deferred()
        self.hosts.policies[DOMAIN] = fetched
        waiting = [self.begin() for _ in range(3)]
        fetched.callback(ENFORCE)
        for each in waiting:
            self.assertEqual(ENFORCE, self.successResultOf(each))
        self.assertEqual([DOMAIN], self.hosts.fetched)

    def test_a_domain_without_a_policy(self) -> None:
        self.assertIsNone(self.first("example.net"))
        self.assertIsNone(self.now("example.net"))
        self.assertEqual(([], []), (self.hosts.fetched, self.events.told))
        self.clock.advance(RECHECK)
        self.assertIsNone(self.first("example.net"))

    def test_a_policy_host_that_is_down_keeps_no_mail(self) -> None:
        self.hosts.policies[DOMAIN] = DOWN
        self.assertIsNone(self.first())
        self.assertIsNone(self.now())
        self.assertEqual([DOMAIN], self.hosts.fetched)
        (event,) = self.failures
        self.assertEqual(
            "TLS to example.org failed (sts-policy-fetch-error), mail goes on, decided by no "
            "MTA-STS policy: https://mta-sts.example.org: connection refused",
            event.line,
        )
        self.hosts.policies[DOMAIN] = ENFORCE
        self.clock.advance(RECHECK)
        self.assertEqual(ENFORCE, self.first())

    def test_a_silent_policy_host_keeps_mail_for_a_moment(self) -> None:
        fetched: Deferred[STSPolicy] = Deferred()
        self.hosts.policies[DOMAIN] = fetched
        waiting = self.begin()
        self.clock.advance(PATIENCE - 1)
        self.assertNoResult(waiting)
        self.clock.advance(1)
        self.assertIsNone(self.successResultOf(waiting))
        fetched.callback(ENFORCE)
        self.assertEqual(ENFORCE, self.now())

    def test_dns_that_does_not_answer(self) -> None:
        self.hosts.ids[DOMAIN] = PolicyId(trouble="SERVFAIL")
        self.assertIsNone(self.first())
        self.hosts.ids[DOMAIN] = "one"
        self.clock.advance(DNS_FAILURE)
        self.assertEqual(ENFORCE, self.first())


class Known(PoliciesCase):
    """A policy that was fetched."""

    def setUp(self) -> None:
        super().setUp()
        self.first()
        self.events.told.clear()

    def pass_time(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.now()  # which asks beside the mail

    def test_another_id_means_another_policy(self) -> None:
        self.hosts.ids[DOMAIN] = "two"
        self.hosts.policies[DOMAIN] = replace(ENFORCE, mode=Mode.TESTING)
        self.clock.advance(RECHECK)
        self.assertEqual(Mode.ENFORCE, self.now().mode)  # type: ignore[union-attr]
        self.assertEqual(Mode.TESTING, self.now().mode)  # type: ignore[union-attr]
        self.assertIn("mode testing", self.events.lines[0])

    def test_the_same_id_means_the_same_policy(self) -> None:
        self.pass_time(RECHECK)
        self.assertEqual(([DOMAIN], [DOMAIN] * 2), (self.hosts.fetched, self.hosts.asked))

    def test_it_stays_in_force_while_nothing_answers(self) -> None:
        """An attacker who hides the policy gains nothing until its max_age."""
        for hidden in ("", PolicyId(trouble="SERVFAIL"), "two"):
            self.hosts.ids[DOMAIN], self.hosts.policies[DOMAIN] = hidden, DOWN
            self.pass_time(2 * DAY)
            self.assertEqual(ENFORCE, self.now())
        (event,) = self.failures
        self.assertEqual(ENFORCE.lines, event.policy.lines)
        self.clock.advance(DAY)  # its max_age is over, and the next try is due
        self.assertIsNone(self.first())

    def test_mode_none_ends_it(self) -> None:
        self.hosts.ids[DOMAIN] = "two"
        self.hosts.policies[DOMAIN] = STSPolicy(Mode.NONE, 86_400)
        self.pass_time(RECHECK)
        self.assertEqual(Mode.NONE, self.now().mode)  # type: ignore[union-attr]

    def test_it_survives_a_restart_without_the_policy_host(self) -> None:
        self.hosts.ids[DOMAIN], self.hosts.policies[DOMAIN] = "two", DOWN
        self.restart()
        self.assertEqual(ENFORCE, self.first())
        path = os.path.join(self.folder, "mta-sts.sqlite")
        self.assertEqual(0o600, stat.S_IMODE(os.stat(path).st_mode))

    def test_a_restart_after_its_end(self) -> None:
        self.hosts.ids[DOMAIN] = ""
        self.clock.advance(8 * DAY)
        self.restart()
        self.assertIsNone(self.first())


class Renewal(PoliciesCase):
    """Policies are fetched again beside the mail, even if none is sent."""

    def setUp(self) -> None:
        super().setUp()
        self.first()
        self.policies.start()
        self.addCleanup(self.policies.stop)

    def test_once_a_day(self) -> None:
        self.clock.pump([ROUND] * 23)
        self.assertEqual(1, len(self.hosts.fetched))
        self.clock.pump([ROUND] * 2)
        self.assertEqual(2, len(self.hosts.fetched))
        self.clock.pump([ROUND] * 24)
        self.assertEqual(3, len(self.hosts.fetched))
        self.assertEqual(ENFORCE, self.now())

    def test_domains_that_are_not_in_memory_too(self) -> None:
        self.policies.forget()
        self.clock.pump([ROUND] * 25)
        self.assertEqual(2, len(self.hosts.fetched))

    def test_a_short_max_age(self) -> None:
        self.hosts.ids["example.net"] = "one"
        self.hosts.policies["example.net"] = replace(ENFORCE, max_age=int(4 * ROUND))
        self.first("example.net")
        self.clock.pump([ROUND] * 6)
        self.assertGreater(self.hosts.fetched.count("example.net"), 2)
        self.assertIsNotNone(self.now("example.net"))

    def test_not_of_domains_that_get_no_mail(self) -> None:
        self.clock.pump([ROUND] * 24 * 40)
        fetched = len(self.hosts.fetched)
        self.clock.pump([ROUND] * 24 * 5)
        self.assertEqual(fetched, len(self.hosts.fetched))

    def test_a_policy_host_that_is_down_is_asked_again(self) -> None:
        self.hosts.policies[DOMAIN] = DOWN
        self.clock.pump([ROUND] * 24 * 2)
        self.hosts.policies[DOMAIN] = ENFORCE
        self.clock.pump([ROUND] * 24 * 6)
        self.assertEqual(ENFORCE, self.now())


class Bounds(PoliciesCase):
    def test_a_flood_of_domains(self) -> None:
        for number in range(MOST_DOMAINS + 50):
            self.first(f"d{number}.example.net")
        self.assertEqual(MOST_DOMAINS, len(self.policies._entries))
        self.assertEqual({}, self.policies._looking)

    def test_the_store(self) -> None:
        store = PolicyStore(self.folder)
        self.first()
        known = store.read(DOMAIN, 0)
        assert known is not None
        with patch("mailhost.relay.sts.store.MOST_POLICIES", 3):
            for number in range(5):
                store.write(f"d{number}.example.net", known, known.fetched + number + 1)
        kept = [name for name in ("d1", "d2", "d3", "d4") if store.read(f"{name}.example.net", 0)]
        self.assertEqual(["d2", "d3", "d4"], kept)

    def test_a_store_that_cannot_be_used_is_logged_and_mail_goes_on(self) -> None:
        with open(os.path.join(self.folder, "mta-sts.sqlite"), "wb") as file:
            file.write(b"junk" * 1000)
        self.assertEqual(ENFORCE, self.first())
        self.assertEqual(ENFORCE, self.now())
        self.assertIn("mta-sts.sqlite", self.events.of(Faulted)[0].line)
        self.assertRaises(sqlite3.DatabaseError, PolicyStore(self.folder).read, DOMAIN, 0)

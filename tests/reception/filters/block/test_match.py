"""Regular expressions on header and body."""

from __future__ import annotations

from time import monotonic
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import Match
from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import PASS, Decision, Verdict
from mailhost.reception.filters.block.match import MatchFilter
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.fakes import now
from tests.queue.fakes import here
from tests.reception.filters.mails import message
from tests.reception.filters.threads import WaitingThreads


class MatchTests(SynchronousTestCase):
    def look(self, text: str, **settings: Any) -> Verdict:
        chosen = Match(kind="match", **settings)
        found: Verdict = now(MatchFilter(chosen, WholeMessages("/", 0, here)).look(message(text)))
        return found

    def test_a_field_is_decoded(self) -> None:
        mail = "Subject: =?utf-8?q?L=C3=B6ttery?=\n\nhello\n"
        verdict = self.look(mail, part="subject", pattern="(?i)^LÖTT")
        self.assertIn("subject has 'Lött'", verdict.reason)
        self.assertIs(self.look(mail, part="From", pattern="."), PASS)

    def test_the_header_has_a_field_a_line(self) -> None:
        mail = "From: a\nX-Mailer: The\n Bat\n\nX-Spam: yes\n"
        self.assertIs(self.look(mail, pattern="^X-Mailer: The Bat$").decision, Decision.REJECT)
        self.assertIs(self.look(mail, pattern="X-Spam"), PASS)

    def test_bodies_are_decoded(self) -> None:
        mail = (
            "Content-Type: text/html; charset=iso-8859-1\nContent-Transfer-Encoding: "
            "quoted-printable\n\nsch=F6n=\n es\n"
        )
        self.assertIs(self.look(mail, part="body", pattern="schön es").decision, Decision.REJECT)

    def test_time_runs_out(self) -> None:
        mail = "Subject: x\n\n" + "a" * 5000 + "b\n"
        slow = Match(kind="match", part="body", pattern="(a|aa)+$", time_limit=0.01)
        looking = MatchFilter(slow, WholeMessages("/", 0, here)).look(message(mail))
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
        self.assertIn("longer than 0.01 seconds", str(failure.value))

    def test_long_matching_goes_to_a_thread(self) -> None:
        """A small message is matched in the reactor's thread for a short time only."""
        threads = WaitingThreads()
        slow = Match(kind="match", part="body", pattern="(a|aa)+$", time_limit=0.5)
        filter = MatchFilter(slow, WholeMessages("/", 0, threads))
        begun = monotonic()
        looking = Deferred.fromCoroutine(filter.look(message("\n" + "a" * 5000 + "b\n")))
        self.assertLess(monotonic() - begun, 0.4)
        self.assertEqual(len(threads.waiting), 1)
        self.assertNoResult(looking)

    def test_all_texts_share_the_time(self) -> None:
        """A message may have thousands of texts that each take almost the whole time."""
        part = "--b\n\n" + "a" * 22 + "b\n"
        head = 'Content-Type: multipart/mixed; boundary="b"\n\n'
        self.failed(head + part * 40, "longer than 0.2 seconds", part="body")
        field = "X: " + "a" * 22 + "b\n"
        self.failed(field * 40 + "\n", "longer than 0.2 seconds", part="X")

    def test_messages_that_cannot_be_examined(self) -> None:
        head = 'Content-Type: multipart/mixed; boundary="b"\n\n'
        self.failed(head + "--b\n\nx\n" * 10_001, "more parts", part="body", time_limit=60)
        self.failed("X: x\n" * 200_000 + "Subject: z\n\n", "header", part="Subject")

    def failed(self, text: str, explanation: str, **settings: Any) -> None:
        """The filter must fail with this explanation."""
        slow = Match(kind="match", pattern="(a|aa)+$", **{"time_limit": 0.2, **settings})
        looking = MatchFilter(slow, WholeMessages("/", 0, here)).look(message(text))
        failure = self.failureResultOf(Deferred.fromCoroutine(looking), FilterFailed)
        self.assertIn(explanation, str(failure.value))

"""A test message is submitted and followed."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.round_trip.faults import (
    TEST_DEFERRED,
    TEST_NOT_SENT,
    TEST_REFUSED,
    TEST_WAITING,
)
from mailhost.doctor.round_trip.follow import PATIENCE, PAUSE, follow
from mailhost.doctor.round_trip.message import make_message
from mailhost.doctor.round_trip.submission import Submitted, submit_as_host, submit_as_user
from tests.doctor.abuse.fake_server import FakeServer

ENTRY = {"id": "q1", "state": "waiting"}


def attempt(fate: str, reply: str) -> dict[str, Any]:
    return {"fate": fate, "reply": reply, "by": "mx.far.net [192.0.2.1]", "at": 0.0, "cause": ""}


class Answers:
    """Answers `doctor.attempts` with each of `answers` in turn, then with the last again."""

    def __init__(self, *answers: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]) -> None:
        self._answers = list(answers)
        self.asked = 0

    def __call__(self, command: str, /, **arguments: Any) -> Awaitable[Any]:
        assert (command, arguments) == ("doctor.attempts", {"identity": "m1"})
        attempts, entries = self._answers[min(self.asked, len(self._answers) - 1)]
        self.asked += 1
        return succeed({"attempts": list(attempts), "entries": list(entries)})


class FollowTests(SynchronousTestCase):
    def finding(
        self, *answers: tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]
    ) -> Finding:
        clock, self.host = Clock(), Answers(*answers)
        following = Deferred.fromCoroutine(follow(self.host, clock, "m1", "you@far.net"))
        clock.pump([PAUSE] * int(PATIENCE / PAUSE + 2))
        return self.successResultOf(following)

    def test_it_is_relayed(self) -> None:
        finding = self.finding(
            ([], []), ([], [ENTRY]), ([attempt("relayed", "250 2.0.0 queued as 17")], [])
        )
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertIn("relayed after 1.0 s. mx.far.net [192.0.2.1] said: 250 2.0.0", finding.seen)

    def test_the_words_are_those_of_the_trace(self) -> None:
        for fate, word in (
            ("passed-on", "relayed"),
            ("expanded", "delivered"),
            ("delayed", "deferred"),
        ):
            finding = self.finding(([attempt(fate, "250 2.0.0 queued as 17")], []))
            self.assertIn(f"{word} after 0.0 s. ", finding.seen)

    def test_it_is_refused(self) -> None:
        finding = self.finding(([attempt("failed", "550 5.1.1 User unknown")], []))
        self.assertEqual((finding.verdict, finding.fault), (Verdict.FAILURE, TEST_REFUSED))
        self.assertIn("The mailbox does not exist, or is closed.", finding.seen)
        self.assertTrue(finding.remedy)

    def test_it_is_deferred(self) -> None:
        finding = self.finding(([attempt("delayed", "421 4.7.0 [TSS04] later")], [ENTRY]))
        self.assertEqual((finding.verdict, finding.fault), (Verdict.WARNING, TEST_DEFERRED))
        self.assertEqual(finding.copy, ("mailhost trace m1",))

    def test_it_waits(self) -> None:
        finding = self.finding(([], [ENTRY]))
        self.assertEqual((finding.verdict, finding.fault), (Verdict.UNKNOWN, TEST_WAITING))
        self.assertIn("in the queue: waiting", finding.seen)
        self.assertLess(self.host.asked, 2 + PATIENCE / PAUSE)

    def test_nothing_is_known_of_it(self) -> None:
        self.assertIn("; not in the queue", self.finding(([], [])).seen)


class HostSubmissionTests(SynchronousTestCase):
    def submitted(self, reply: str) -> Submitted:
        def ask(command: str, /, **arguments: Any) -> Awaitable[Any]:
            self.assertEqual((command, arguments["recipient"]), ("doctor.send", "you@far.net"))
            self.header = arguments["header"]
            return succeed({"identity": "m1", "reply": reply, "from": "admin@here.net"})

        message = make_message("mx.here.net", "you@far.net")
        sending = submit_as_host(ask, Clock(), message, "you@far.net")
        return self.successResultOf(Deferred.fromCoroutine(sending))

    def test_it_is_taken(self) -> None:
        found = self.submitted("250 2.0.0 Taken as m1")
        self.assertEqual((found.finding.verdict, found.identity), (Verdict.OK, "m1"))
        self.assertIn("\r\nSubject: Test of mailhost doctor\r\n", self.header)
        self.assertNotIn("From:", self.header)

    def test_it_is_refused(self) -> None:
        found = self.submitted("452 4.3.1 Not enough storage here for now")
        self.assertEqual((found.finding.fault, found.identity), (TEST_NOT_SENT, ""))


class UserSubmissionTests(SynchronousTestCase):
    def submitted(self, **replies: str) -> Submitted:
        usual = {"STARTTLS": "454 no", "AUTH": "235 in", "MAIL": "250 ok", "RCPT": "250 ok"}
        usual |= {"DATA": "354 go on"} | replies

        def content(data: bytes) -> str:
            return "250 2.0.0 Taken as 17abc" if data.endswith(b"\r\n.\r\n") else ""

        self.server = FakeServer(lambda command: usual[command.split()[0]], content)
        self.server.usual = {
            **self.server.usual,
            "EHLO": "250-there.example\r\n250-STARTTLS\r\n250 AUTH PLAIN",
        }
        message = make_message("mx.here.net", "you@far.net")
        sending = submit_as_user(
            self.server.open, Clock(), message, "ann@here.net", "secret", "you@far.net", ()
        )
        return self.successResultOf(Deferred.fromCoroutine(sending))

    def test_no_password_without_tls(self) -> None:
        found = self.submitted()
        self.assertEqual(found.finding.fault, TEST_NOT_SENT)
        self.assertEqual(self.server.of("AUTH"), [])

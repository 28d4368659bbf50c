"""Every stage up to DATA, with every answer that a filter may give there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from mailhost.message.status import Status
from mailhost.milter.verdict import (
    ACCEPT,
    DISCARD,
    GO_ON,
    REJECT,
    SHUTDOWN,
    SKIP,
    TEMPFAIL,
    MilterDecision,
    MilterVerdict,
)
from tests.milter.talk import ANN, BOB, CONTENT, FAR, MilterCase

Ask = Callable[[], Coroutine[Any, Any, MilterVerdict]]
ANSWERS = (
    ("c", GO_ON),
    ("a", ACCEPT),
    ("r", REJECT),
    ("t", TEMPFAIL),
    ("d", DISCARD),
    ("s", SKIP),
    ("f", SHUTDOWN),
    ("4", SHUTDOWN),
    (
        "y|554 5.7.1 No %% of %it",
        MilterVerdict(MilterDecision.REFUSE, Status(554, "5.7.1", "No % of it")),
    ),
    (
        "y|450-4.7.1 a\\r\\n450 4.7.1 b",
        MilterVerdict(MilterDecision.REFUSE, Status(450, "4.7.1", "a\nb")),
    ),
    ("y|550 No", MilterVerdict(MilterDecision.REFUSE, Status(550, "5.0.0", "No"))),
    ("y|550", MilterVerdict(MilterDecision.REFUSE, Status(550, "5.0.0", ""))),
    ("y|550 4.7.1 No", MilterVerdict(MilterDecision.REFUSE, Status(550, "5.0.0", "4.7.1 No"))),
    ("y|421 4.7.0 Go", MilterVerdict(MilterDecision.REFUSE, Status(421, "4.7.0", "Go"))),
    (
        "y|550 5.7.1 a\\x07\\xc3\\xa4",
        MilterVerdict(MilterDecision.REFUSE, Status(550, "5.7.1", "a?ä")),
    ),
)


class StageCase(MilterCase):
    def assert_verdict(
        self, verdict: MilterVerdict, ask: Coroutine[Any, Any, MilterVerdict], script: str
    ) -> None:
        self.assertEqual(verdict, self.successResultOf(self.play(ask, script)))


class Answers(StageCase):
    def each(
        self, before: Callable[[], None], ask: Ask, sent: str, *other: tuple[str, MilterVerdict]
    ) -> None:
        """Every answer, each to a client of its own."""
        for answer, verdict in (*ANSWERS, *other):
            with self.subTest(answer):
                self.setUp()
                before()
                wanted = dict(other).get(answer, verdict)
                self.assert_verdict(wanted, ask(), f"{sent}\nF: {answer}")

    def test_connect(self) -> None:
        sent = "C: D|C\nC: C|[192.0.2.1]|4|4025|192.0.2.1"
        self.each(self.open, lambda: self.client.begin(FAR, {}), sent, ("d", GO_ON))

    def test_helo(self) -> None:
        sent = "C: D|H\nC: H|far.example"
        self.each(self.greet, lambda: self.client.hello("far.example", {}), sent, ("d", GO_ON))

    def test_mail(self) -> None:
        sent = "C: D|M\nC: M|<ann@example.org>|SIZE=1|BODY=8BITMIME"
        parameters = ["SIZE=1", "BODY=8BITMIME"]
        self.each(self.greet, lambda: self.client.mail(ANN, parameters, {}), sent)

    def test_rcpt(self) -> None:
        sent = "C: D|R\nC: R|<bob@example.net>|NOTIFY=NEVER"
        self.each(self.sender, lambda: self.client.recipient(BOB, ["NOTIFY=NEVER"], {}), sent)

    def test_data(self) -> None:
        self.each(self.recipient, lambda: self.client.data({}), "C: D|T\nC: T")

    def sender(self) -> None:
        self.greet()
        self.assert_verdict(GO_ON, self.client.mail(None, [], {}), "C: D|M\nC: M|<>\nF: c")

    def recipient(self) -> None:
        self.sender()
        rcpt = "C: D|R\nC: R|<bob@example.net>\nF: c"
        self.assert_verdict(GO_ON, self.client.recipient(BOB, [], {}), rcpt)


class Finality(StageCase):
    """The effect of an answer on later questions."""

    def rest(self, verdict: MilterVerdict) -> None:
        """The rest of a transaction gets this verdict, and nothing is sent."""
        self.assert_verdict(verdict, self.client.recipient(BOB, [], {}), "")
        self.assert_verdict(verdict, self.client.data({}), "")
        message = self.successResultOf(self.play(self.client.message(CONTENT, {}), ""))
        self.assertEqual(verdict, message[0])
        self.assertFalse(message[1])

    def test_a_verdict_on_the_connection(self) -> None:
        for answer, verdict in (("a", ACCEPT), ("r", REJECT), ("t", TEMPFAIL), ("4", SHUTDOWN)):
            with self.subTest(answer):
                self.setUp()
                self.greet()
                helo = f"C: D|H\nC: H|x\nF: {answer}"
                self.assert_verdict(verdict, self.client.hello("x", {}), helo)
                self.assert_verdict(verdict, self.client.mail(ANN, [], {}), "")
                self.rest(verdict)
                self.client.abort()
                self.assert_verdict(verdict, self.client.mail(ANN, [], {}), "")

    def test_a_verdict_on_the_message(self) -> None:
        for answer, verdict in (("a", ACCEPT), ("r", REJECT), ("t", TEMPFAIL), ("d", DISCARD)):
            with self.subTest(answer):
                self.setUp()
                self.greet()
                mail = f"C: D|M\nC: M|<ann@example.org>\nF: {answer}"
                self.assert_verdict(verdict, self.client.mail(ANN, [], {}), mail)
                self.rest(verdict)
                self.assert_verdict(verdict, self.client.mail(ANN, [], {}), mail)

"""Every stage up to DATA, with every answer that a filter may give there."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.milter.verdict import (
    ACCEPT,
    DISCARD,
    GO_ON,
    REJECT,
    SHUTDOWN,
    SKIP,
    TEMPFAIL,
    Decision,
    Verdict,
)
from tests.milter.talk import ALL_ANSWERED, ANN, BOB, CONTENT, FAR, SILENT, MilterCase

Ask = Callable[[], Coroutine[Any, Any, Verdict]]
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
        Verdict(Decision.REFUSE, Status(554, "5.7.1", "No % of it")),
    ),
    (
        "y|450-4.7.1 a\\r\\n450 4.7.1 b",
        Verdict(Decision.REFUSE, Status(450, "4.7.1", "a\nb")),
    ),
    ("y|550 No", Verdict(Decision.REFUSE, Status(550, "5.0.0", "No"))),
    ("y|550", Verdict(Decision.REFUSE, Status(550, "5.0.0", ""))),
    ("y|550 4.7.1 No", Verdict(Decision.REFUSE, Status(550, "5.0.0", "4.7.1 No"))),
    ("y|421 4.7.0 Go", Verdict(Decision.REFUSE, Status(421, "4.7.0", "Go"))),
    ("y|550 5.7.1 a\\x07\\xc3\\xa4", Verdict(Decision.REFUSE, Status(550, "5.7.1", "a?ä"))),
)


class StageCase(MilterCase):
    def assert_verdict(
        self, verdict: Verdict, ask: Coroutine[Any, Any, Verdict], script: str
    ) -> None:
        self.assertEqual(verdict, self.successResultOf(self.play(ask, script)))


class Answers(StageCase):
    def each(
        self, before: Callable[[], None], ask: Ask, sent: str, *other: tuple[str, Verdict]
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

    def test_an_unknown_command(self) -> None:
        self.each(self.greet, lambda: self.client.unknown("FOO bar"), "C: U|FOO bar")

    def sender(self) -> None:
        self.greet()
        self.assert_verdict(GO_ON, self.client.mail(None, [], {}), "C: D|M\nC: M|<>\nF: c")

    def recipient(self) -> None:
        self.sender()
        rcpt = "C: D|R\nC: R|<bob@example.net>\nF: c"
        self.assert_verdict(GO_ON, self.client.recipient(BOB, [], {}), rcpt)


class Finality(StageCase):
    """What an answer means for the questions after it."""

    def rest(self, verdict: Verdict) -> None:
        """All that is left of a transaction gets this verdict, and nothing is sent."""
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

    def test_a_refused_recipient_is_one(self) -> None:
        self.greet()
        self.assert_verdict(
            GO_ON, self.client.mail(ANN, [], {}), "C: D|M\nC: M|<ann@example.org>\nF: c"
        )
        sent = "C: D|R\nC: R|<bob@example.net>\n"
        self.assert_verdict(REJECT, self.client.recipient(BOB, [], {}), sent + "F: r")
        self.assert_verdict(GO_ON, self.client.recipient(BOB, [], {}), sent + "F: c")
        self.assert_verdict(SKIP, self.client.recipient(BOB, [], {}), sent + "F: s")
        self.assert_verdict(SKIP, self.client.recipient(BOB, [], {}), "")
        self.assert_verdict(GO_ON, self.client.data({}), "C: D|T\nC: T\nF: c")

    def test_421_ends_the_connection_at_any_stage(self) -> None:
        self.greet()
        gone = Verdict(Decision.REFUSE, Status(421, "4.3.2", "Off"))
        mail = "C: D|M\nC: M|<ann@example.org>\nF: y|421 4.3.2 Off"
        self.assert_verdict(gone, self.client.mail(ANN, [], {}), mail)
        self.assertTrue(gone.ends_connection)
        self.assert_verdict(gone, self.client.mail(ANN, [], {}), "")

    def test_what_begins_anew_aborts(self) -> None:
        self.envelope()
        self.assert_verdict(GO_ON, self.client.mail(None, [], {}), "C: A\nC: D|M\nC: M|<>\nF: c")
        self.assert_verdict(GO_ON, self.client.hello("x", {}), "C: A\nC: D|H\nC: H|x\nF: c")
        self.assert_verdict(GO_ON, self.client.hello("x", {}), "C: D|H\nC: H|x\nF: c")

    def test_abort(self) -> None:
        self.envelope()
        self.client.abort()
        self.lines("C: A")
        self.client.abort()
        self.lines("")
        self.assert_verdict(GO_ON, self.client.mail(None, [], {}), "C: D|M\nC: M|<>\nF: c")

    def test_out_of_order(self) -> None:
        asks: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: self.client.mail(None, [], {}),
            lambda: self.client.recipient(BOB, [], {}),
            lambda: self.client.data({}),
            lambda: self.client.hello("x", {}),
        ]
        self.open()
        for ask in asks:
            self.failureResultOf(self.play(ask(), ""), ValueError)
        self.setUp()
        self.greet()
        for early in (asks[1], asks[2], lambda: self.client.begin(FAR, {})):
            self.failureResultOf(self.play(early(), ""), ValueError)
        waiting = self.play(self.client.hello("x", {}), "C: D|H\nC: H|x")
        self.failureResultOf(self.play(self.client.hello("y", {}), ""), ValueError)
        self.lines("F: c")
        self.assertEqual(GO_ON, self.successResultOf(waiting))


class Spared(StageCase):
    """What is not said, and what gets no answer."""

    def test_nothing_is_wanted(self) -> None:
        self.open("F: O|6|1ff|37f")
        self.assert_verdict(GO_ON, self.client.begin(FAR, {}), "C: D|C")
        self.assert_verdict(GO_ON, self.client.hello("x", {}), "C: D|H")
        self.assert_verdict(GO_ON, self.client.mail(None, [], {}), "C: D|M")
        self.assert_verdict(GO_ON, self.client.unknown("FOO"), "")
        self.assert_verdict(GO_ON, self.client.recipient(BOB, [], {}), "C: D|R")
        self.assert_verdict(GO_ON, self.client.data({}), "C: D|T")
        message = self.play(self.client.message(CONTENT, {}), "C: D|N\nC: D|E\nC: E\nF: c")
        self.assertEqual(GO_ON, self.successResultOf(message)[0])

    def test_nothing_is_answered(self) -> None:
        self.greet(SILENT)
        self.assert_verdict(GO_ON, self.client.hello("x", {}), "C: D|H\nC: H|x")
        self.assert_verdict(GO_ON, self.client.mail(None, [], {}), "C: D|M\nC: M|<>")
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_an_old_filter(self) -> None:
        self.open("F: O|2|3f|0")
        begin = "C: D|C\nC: C|localhost|U\nF: c"
        self.assert_verdict(GO_ON, self.client.begin(Client(""), {}), begin)
        self.assert_verdict(GO_ON, self.client.mail(None, [], {}), "C: D|M\nC: M|<>\nF: c")
        self.assert_verdict(GO_ON, self.client.unknown("FOO"), "")
        rcpt = "C: D|R\nC: R|<bob@example.net>\nF: c"
        self.assert_verdict(GO_ON, self.client.recipient(BOB, [], {}), rcpt)
        self.assert_verdict(GO_ON, self.client.data({}), "")

    def test_a_refused_recipient(self) -> None:
        refusal = Status(550, "5.1.1", "No such user")
        for answer, script in (
            (ALL_ANSWERED, ""),
            (
                "F: O|6|1ff|800",
                "C: D|R|{rcpt_addr}|No such user|{rcpt_host}|5.1.1|{rcpt_mailer}|error\n"
                "C: R|<bob@example.net>\nF: c",
            ),
        ):
            self.setUp()
            self.greet(answer)
            mail = "C: D|M\nC: M|<ann@example.org>\nF: c"
            self.assert_verdict(GO_ON, self.client.mail(ANN, [], {}), mail)
            rcpt = self.client.recipient(BOB, [], {}, refusal)
            self.assert_verdict(GO_ON, rcpt, script)


class Clients(StageCase):
    def test_addresses(self) -> None:
        for client, name, sent in (
            (Client("192.0.2.1", 25), "far.example", "far.example|4|25|192.0.2.1"),
            (Client("::ffff:192.0.2.1", 25), "", "[192.0.2.1]|4|25|192.0.2.1"),
            (Client("2001:db8::1", 65535), "", "[2001:db8::1]|6|65535|2001:db8::1"),
            (Client("fe80::1%eth0", 9), "", "[fe80::1]|6|9|fe80::1"),
            (Client(""), "", "localhost|U"),
        ):
            with self.subTest(sent):
                self.setUp()
                self.open()
                begin = self.client.begin(client, {}, name)
                self.assert_verdict(GO_ON, begin, f"C: D|C\nC: C|{sent}\nF: c")

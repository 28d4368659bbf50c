"""The errors and the idle commands of a session are counted; too many end it."""

from __future__ import annotations

from mailhost.message.status import Status
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import NOBODY, TalkCase

MAIL = "MAIL FROM:<a@example.net>"
RCPT = "RCPT TO:<b@example.com>"


class EndlessTests(TalkCase):
    def test_commands_that_bring_no_message_nearer(self) -> None:
        for line in ("EHLO x", "HELO x", "NOOP", "RSET", "VRFY x", "HELP"):
            talk = self.new_talk(SessionOptions("mx", 1000, idle_commands=10))
            said = talk.lines(*[line] * 20)
            self.assertEqual(len(said), 10, line)
            self.assertEqual(said[-1], "421 4.7.0")
            self.assertTrue(talk.wire.hung_up)

    def test_transactions_that_are_given_up(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, idle_commands=10))
        self.assertEqual(talk.lines(*[MAIL, "RSET"] * 20)[-1], "421 4.7.0")

    def test_chunks_out_of_order(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, idle_commands=10))
        self.assertEqual(talk.lines(*["BDAT 2\r\n"] * 20)[-1], "421 4.7.0")

    def test_a_message_starts_the_count_anew(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, idle_commands=10))
        for _ in range(5):
            said = talk.lines(*["NOOP"] * 8, MAIL, RCPT, "DATA", ".")
            self.assertEqual(said[-1], "250 2.0.0")


class ErrorTests(TalkCase):
    def test_too_many_errors(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, errors=3))
        said = talk.lines("a", "b", "NOOP", "c", "d", "e")
        self.assertEqual(said, ["500 5.5.1"] * 2 + ["250 2.0.0", "500 5.5.1", "421 4.7.0"])
        self.assertTrue(talk.wire.hung_up)
        self.assertIn("Too many errors", talk.events.lines[-1])

    def test_guessing_names(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, errors=3))
        talk.reception.answers["recipient"] = NOBODY
        self.assertEqual(talk.lines(MAIL, *[RCPT] * 9)[1:], ["550 5.1.1"] * 3 + ["421 4.7.0"])

    def test_refused_senders(self) -> None:
        talk = self.new_talk(SessionOptions("mx", 1000, errors=3))
        talk.reception.answers["transaction"] = Status(553, "5.7.1", "Not yours")
        self.assertEqual(talk.lines(*[MAIL] * 9), ["553 5.7.1"] * 3 + ["421 4.7.0"])

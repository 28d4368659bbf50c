"""The greeting, the hello commands, and small commands."""

from __future__ import annotations

from mailhost.message.status import Status
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import TERMS, Talk, TalkCase

MAIL = "MAIL FROM:<a@example.net>"
RCPT = "RCPT TO:<b@example.com>"


class HelloTests(TalkCase):
    def test_greeting(self) -> None:
        self.assertEqual(Talk().begin(), b"220 mx.example.com ESMTP ready\r\n")

    def test_extensions(self) -> None:
        reply = self.talk.say(b"EHLO client.example\r\n").decode().split("\r\n")
        self.assertEqual(reply[0], "250-mx.example.com")
        self.assertEqual(reply[-2:], ["250 HELP", ""])
        offered = {line[4:] for line in reply[1:-1]}
        self.assertEqual(
            offered,
            {
                "PIPELINING",
                "SIZE 1000000",
                "8BITMIME",
                "CHUNKING",
                "SMTPUTF8",
                "DSN",
                "ENHANCEDSTATUSCODES",
                "LIMITS RCPTMAX=1000",
                "STARTTLS",
                "HELP",
            },
        )

    def test_helo_has_one_line(self) -> None:
        self.assertEqual(self.talk.say(b"HELO client.example\r\n"), b"250 mx.example.com\r\n")

    def test_the_client_is_described(self) -> None:
        self.talk.lines("HELO old.example", MAIL)
        client = self.talk.reception.clients[-1]
        self.assertEqual((client.hello, client.extended), ("old.example", False))
        self.talk.lines("EHLO [192.0.2.7]", MAIL)
        client = self.talk.reception.clients[-1]
        self.assertEqual((client.hello, client.extended), ("[192.0.2.7]", True))

    def test_refused_hello_leaves_no_transaction(self) -> None:
        self.talk.lines(MAIL, RCPT)
        self.talk.reception.answers["hello"] = Status(550, "5.7.1", "Not you")
        said = self.talk.lines("EHLO bad.example", RCPT, "DATA", MAIL)
        self.assertEqual(said, ["550 5.7.1", "503 5.5.1", "503 5.5.1", "503 5.5.1"])
        self.assertEqual(self.talk.last.fate, "abandoned")
        del self.talk.reception.answers["hello"]
        self.assertEqual(self.talk.lines("EHLO good.example", MAIL)[1:], ["250 2.1.0"])

    def test_bad_hello_changes_nothing(self) -> None:
        said = self.talk.lines(MAIL, "EHLO", "HELO ", f"EHLO {'x' * 300}", RCPT)
        self.assertEqual(said, ["250 2.1.0", "501 5.5.4", "501 5.5.4", "501 5.5.4", "250 2.0.0"])


class TermsTests(TalkCase):
    def test_starttls_is_offered_where_it_can_be(self) -> None:
        self.assertNotIn(
            b"STARTTLS",
            self.new_talk(SessionOptions("mx", 1000, starttls=False)).say(b"EHLO x\r\n"),
        )
        self.assertEqual(
            self.new_talk(SessionOptions("mx", 1000, starttls=False)).lines("STARTTLS"),
            ["503 5.5.1"],
        )

    def test_help_lists_the_commands(self) -> None:
        reply = self.talk.say(b"HELP\r\n")
        self.assertIn(b"BDAT", reply)
        self.assertIn(b"EHLO", reply)
        self.assertNotIn(b"LHLO", reply)
        self.assertEqual(TERMS.lmtp, False)

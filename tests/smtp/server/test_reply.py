"""Replies on the wire, and what EHLO offers."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.status import LOCAL_ERROR, OK, Status
from mailhost.smtp.server.ehlo import encode_hello
from mailhost.smtp.server.lmtp import final_replies
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.reply import encode_lines, encode_reply
from tests.smtp.fakes import check_reply

BAD = Status(550, "5.1.1", "Nobody")


class ReplyTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        self.assertEqual(encode_reply(OK), b"250 2.0.0 OK\r\n")
        self.assertEqual(encode_reply(Status(354, "", "Go")), b"354 Go\r\n")

    def test_lines(self) -> None:
        """RFC 2034 §4: the enhanced code stands in each."""
        reply = encode_reply(Status(550, "5.7.1", "one\ntwo\r\nthree"))
        self.assertEqual(reply, b"550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n")

    def test_the_cause_stays_here(self) -> None:
        self.assertNotIn(b"secret", encode_reply(OK.because("secret")))

    def test_nothing_but_printable_ascii(self) -> None:
        reply = encode_reply(Status(550, "5.7.1", "\u00fc\0\x1b[1m\x7f\u2028\x85"))
        self.assertEqual(reply, b"550 5.7.1 ???[1m???\r\n")

    def test_long_words_are_cut(self) -> None:
        self.assertEqual(len(encode_reply(Status(550, "5.7.1", "x" * 10_000))), 512)
        self.assertEqual(len(encode_lines(250, ["x" * 10_000])), 512)

    @settings(deadline=None)
    @given(st.text())
    def test_any_words(self, explanation: str) -> None:
        check_reply(encode_reply(Status(550, "5.7.1", explanation)))


class HelloTests(SynchronousTestCase):
    options = SessionOptions("mx.example.com", 10_000_000, recipients=50)

    def offered(
        self, options: SessionOptions, starttls: bool, mechanisms: tuple[str, ...]
    ) -> list[str]:
        reply = encode_hello(options.hostname, options.extensions, starttls, mechanisms)
        check_reply(reply)
        return [line[4:] for line in reply.decode().split("\r\n")[1:-1]]

    def test_always(self) -> None:
        offered = self.offered(self.options, False, ())
        for extension in (
            "PIPELINING",
            "SIZE 10000000",
            "8BITMIME",
            "CHUNKING",
            "SMTPUTF8",
            "DSN",
            "ENHANCEDSTATUSCODES",
            "LIMITS RCPTMAX=50",
        ):
            self.assertIn(extension, offered)
        self.assertNotIn("BINARYMIME", offered)
        self.assertNotIn("STARTTLS", offered)
        self.assertFalse(any(line.startswith("AUTH") for line in offered))

    def test_only_what_there_is(self) -> None:
        self.assertIn("STARTTLS", self.offered(self.options, True, ()))
        self.assertIn("AUTH PLAIN LOGIN", self.offered(self.options, False, ("PLAIN", "LOGIN")))
        self.assertIn("SIZE 5", self.offered(replace(self.options, message_size=5), False, ()))


class FinalReplyTests(SynchronousTestCase):
    def test_smtp_has_one(self) -> None:
        for found in ([], [OK], [BAD, OK]):
            self.assertEqual(
                list(final_replies(found, 3, lmtp=False)), [found[0] if found else LOCAL_ERROR]
            )

    def test_lmtp_has_one_for_each(self) -> None:
        for found, replies in (
            ([OK, BAD, OK], [OK, BAD, OK]),
            ([BAD], [BAD] * 3),
            ([OK, BAD], [OK, BAD, LOCAL_ERROR]),
            ([OK] * 5, [OK] * 3),
            ([], [LOCAL_ERROR] * 3),
        ):
            self.assertEqual(list(final_replies(found, 3, lmtp=True)), replies)

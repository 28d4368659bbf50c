"""The encoding of replies."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.status import OK, Status
from mailhost.smtp.server.reply import encode_lines, encode_reply
from tests.smtp.fakes import check_reply


class ReplyTests(SynchronousTestCase):
    def test_one_line(self) -> None:
        self.assertEqual(encode_reply(OK), b"250 2.0.0 OK\r\n")
        self.assertEqual(encode_reply(Status(354, "", "Go")), b"354 Go\r\n")

    def test_lines(self) -> None:
        """RFC 2034 §4: each line has the enhanced code."""
        reply = encode_reply(Status(550, "5.7.1", "one\ntwo\r\nthree"))
        self.assertEqual(reply, b"550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three\r\n")

    def test_the_cause_stays_here(self) -> None:
        self.assertNotIn(b"secret", encode_reply(OK.because("secret")))

    def test_nothing_but_printable_ascii(self) -> None:
        reply = encode_reply(Status(550, "5.7.1", "\u00fc\0\x1b[1m\x7f\u2028\x85"))
        self.assertEqual(reply, b"550 5.7.1 ???[1m???\r\n")

    def test_long_text_is_cut(self) -> None:
        self.assertEqual(len(encode_reply(Status(550, "5.7.1", "x" * 10_000))), 512)
        self.assertEqual(len(encode_lines(250, ["x" * 10_000])), 512)

    @settings(deadline=None)
    @given(st.text())
    def test_any_text(self, explanation: str) -> None:
        check_reply(encode_reply(Status(550, "5.7.1", explanation)))

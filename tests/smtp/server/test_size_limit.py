"""The SIZE limit: the size that MAIL declares, and the octets that arrive."""

from __future__ import annotations

from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import TalkCase

MAIL = "MAIL FROM:<a@example.net>"
RCPT = "RCPT TO:<b@example.com>"


class SizeLimitTests(TalkCase):
    def test_announced_size(self) -> None:
        said = self.talk.lines("MAIL FROM:<a@example.net> SIZE=1000001", MAIL + " SIZE=1000000")
        self.assertEqual(said, ["552 5.3.4", "250 2.1.0"])

    def test_real_size(self) -> None:
        talk = self.new_talk(SessionOptions("mx.example.com", 1000))
        fits = "x" * 998
        self.assertEqual(talk.lines(MAIL, RCPT, "DATA", fits, ".")[-1], "250 2.0.0")
        self.assertEqual(talk.lines(MAIL, RCPT, "DATA", fits + "x", ".")[-1], "552 5.3.4")
        self.assertEqual(talk.last.fate, "abandoned")
        said = talk.lines(MAIL, RCPT, "DATA", "." * 999, ".", "NOOP")
        self.assertEqual(said[-2:], ["250 2.0.0"] * 2, "stuffed dots do not count")

    def test_content_far_over_the_limit_is_not_kept(self) -> None:
        talk = self.new_talk(SessionOptions("mx.example.com", 100_000))
        talk.lines(MAIL, RCPT, "DATA")
        block = b"x" * 65534 + b"\r\n"
        for _ in range(200):
            self.assertEqual(talk.say(block), b"")
        self.assertLessEqual(len(talk.last.content), 100_000)
        self.assertEqual(talk.lines(".", "NOOP"), ["552 5.3.4", "250 2.0.0"])

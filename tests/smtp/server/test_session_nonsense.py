"""Clients with errors, random input or attacks: clear replies, an end, bounded memory."""

from __future__ import annotations

import os

from mailhost.message.status import Status
from tests.smtp.fakes import TalkCase, codes


class LineTests(TalkCase):
    def test_too_long(self) -> None:
        for length in (4096, 4097, 5000, 100_000):
            self.talk = self.new_talk()
            line = b"NOOP " + b"x" * (length - 6) + b"\r\n"
            said = codes(self.talk.say(line + b"NOOP\r\n"))
            wanted = "250 2.0.0" if length <= 4096 else "500 5.5.2"
            self.assertEqual(said, [wanted, "250 2.0.0"], length)

    def test_too_long_in_pieces_is_not_kept(self) -> None:
        for _ in range(1000):
            self.assertEqual(self.talk.say(b"x" * 10_000), b"")
        self.assertEqual(codes(self.talk.say(b"NOOP\r\nNOOP\r\n")), ["500 5.5.2", "250 2.0.0"])

    def test_bare_line_feed(self) -> None:
        for line in (b"NOOP\n", b"\n", b"MAIL FROM:<>\nRCPT TO:<b@example.com>\r\n"):
            said = codes(self.talk.say(line + b"NOOP\r\n"))
            self.assertEqual((said[0], said[-1]), ("500 5.5.2", "250 2.0.0"), line)

    def test_carriage_return_and_nul_inside_a_line(self) -> None:
        for line in (b"NOOP\r", b"MAIL FROM:<>\rSIZE=1", b"NOOP \0", b"\0", b"\r", b"QUIT\0"):
            said = codes(self.talk.say(line + b"\r\nNOOP\r\n"))
            self.assertEqual(said, ["500 5.5.2", "250 2.0.0"], line)
        self.assertNotIn("transaction", self.talk.reception.questions)

    def test_empty_line(self) -> None:
        self.assertEqual(self.talk.lines("", " ", "NOOP"), ["500 5.5.1"] * 2 + ["250 2.0.0"])

    def test_input_of_the_client_is_not_echoed_raw(self) -> None:
        said = self.talk.say(b"MAIL FROM:<a@example.net> X\xc3\xbc=1\r\n")
        said += self.talk.say(b"MAIL FROM:<a@example.net> " + b"X" * 2000 + b"=1\r\n")
        self.assertEqual(codes(said), ["501 5.5.4", "555 5.5.4"])

    def test_text_of_the_reception_is_made_printable(self) -> None:
        for text in ("\u00fc\x1b[0m\x85\u2028\0\x7f", "a\r\nb\rc\nd", "x" * 5000, "", "\r\n"):
            self.talk.reception.answers["transaction"] = Status(550, "5.7.1", text)
            reply = self.talk.say(b"MAIL FROM:<>\r\n")  # the case checks it
            self.assertTrue(reply.startswith(b"550"))
        self.talk.events.emitted.clear()  # the log makes them printable


class JunkTests(TalkCase):
    def test_binary(self) -> None:
        self.talk.say(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(256)) * 10)
        self.talk.say(b"\r\n")
        self.assertEqual(self.talk.lines("NOOP"), ["250 2.0.0"])

    def test_random_octets(self) -> None:
        for _ in range(20):
            talk = self.new_talk()
            for _ in range(50):
                talk.say(os.urandom(1000))

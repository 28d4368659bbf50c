"""Clients that err, babble or attack: a clear reply each, an end to it, bounded memory."""

from __future__ import annotations

import os

from mailhost.message.status import Status
from mailhost.smtp.server.options import SessionOptions
from tests.smtp.fakes import NOBODY, TalkCase, codes

MAIL = "MAIL FROM:<a@example.net>"
RCPT = "RCPT TO:<b@example.com>"


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

    def test_words_of_the_client_are_not_echoed_raw(self) -> None:
        said = self.talk.say(b"MAIL FROM:<a@example.net> X\xc3\xbc=1\r\n")
        said += self.talk.say(b"MAIL FROM:<a@example.net> " + b"X" * 2000 + b"=1\r\n")
        self.assertEqual(codes(said), ["501 5.5.4", "555 5.5.4"])

    def test_words_of_the_reception_are_made_fit(self) -> None:
        for text in ("\u00fc\x1b[0m\x85\u2028\0\x7f", "a\r\nb\rc\nd", "x" * 5000, "", "\r\n"):
            self.talk.reception.answers["transaction"] = Status(550, "5.7.1", text)
            reply = self.talk.say(b"MAIL FROM:<>\r\n")  # looked at by the case itself
            self.assertTrue(reply.startswith(b"550"))
        self.talk.events.told.clear()  # whoever writes logs makes them fit


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

    def test_http(self) -> None:
        for first in (
            "GET / HTTP/1.1",
            "POST /MAIL%20FROM:<a@example.net> HTTP/1.1",
            "CONNECT mx.example.com:25 HTTP/1.1",
            "OPTIONS * HTTP/1.1",
            "PRI * HTTP/2.0",
            "PURGE / HTTP/1.0",
            "GET /" + "x" * 5000 + " HTTP/1.1",
            "POST /\0 HTTP/1.1",
        ):
            talk = self.new_talk(hello=False)
            said = talk.lines(first, "Host: mx.example.com", "", "EHLO x", MAIL)
            self.assertEqual(said, ["500 5.5.1"], first)
            self.assertTrue(talk.wire.hung_up)
            self.assertEqual(talk.reception.questions, ["connected"])
        talk = self.new_talk()
        self.assertEqual(talk.lines("GETTING / x", "POST", "GET", "NOOP")[-1], "250 2.0.0")

    def test_http_in_the_log(self) -> None:
        self.talk.lines("GET / HTTP/1.1")
        self.assertIn("refused GET / HTTP/1.1 from", self.talk.events.lines[0])

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

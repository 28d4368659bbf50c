"""Lines that end a session: HTTP requests, and a BDAT whose size cannot be read."""

from __future__ import annotations

from tests.smtp.fakes import TalkCase, codes

MAIL = "MAIL FROM:<a@example.net>"
START = f"{MAIL}\r\nRCPT TO:<b@example.com>\r\n".encode()


class HTTPTests(TalkCase):
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


class BadChunkTests(TalkCase):
    def test_without_a_size_the_session_cannot_go_on(self) -> None:
        for arguments in (b"", b" ", b" x", b" -1", b" 1 LAS", b" 1 LAST x", b" " + b"9" * 21):
            talk = self.new_talk()
            talk.say(START)
            self.assertEqual(codes(talk.say(b"BDAT" + arguments + b"\r\nNOOP\r\n")), ["501 5.5.4"])
            self.assertTrue(talk.wire.hung_up)

    def test_nor_after_a_line_that_would_be_bdat(self) -> None:
        for line in (
            b"BDAT\t5 LAST\r\n",
            b"BDAT5 LAST\r\n",
            b" bdat 5\r\n",
            b"BDAT 5 LAST\n",
            b"BDAT 5\0\r\n",
            b"BDAT 5\rLAST\r\n",
            b"BDAT 5" + b" " * 5000 + b"\r\n",
        ):
            for hello in (True, False):
                talk = self.new_talk(hello=hello)
                said = talk.say(line[:90]) + talk.say(line[90:4500]) + talk.say(line[4500:])
                self.assertEqual(codes(said + talk.say(b"NOOP\r\n")), ["501 5.5.4"], line[:20])
                self.assertTrue(talk.wire.hung_up)
        self.assertEqual(codes(self.talk.say(b"BDATA 5\r\nNOOP\r\n")), ["500 5.5.1", "250 2.0.0"])

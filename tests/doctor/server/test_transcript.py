"""Dialogues as they are shown, and what is hidden in them."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.server.services import SERVICES, Place
from mailhost.doctor.server.transcript import (
    LONGEST_LINE,
    MOST_LINES,
    Secrets,
    Transcript,
    transcript_text,
)

PLACE = Place("mx.example", "192.0.2.1", SERVICES[0])


class TranscriptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.transcript = Transcript(PLACE, self.clock, Secrets("ann", "pass word"))

    def texts(self) -> list[str]:
        return [f"{line.side} {line.text}" for line in self.transcript.lines]

    def test_as_telnet_would_show_it(self) -> None:
        self.transcript.note("connected")
        self.clock.advance(0.25)
        self.transcript.received(b"220 mx.exam")
        self.transcript.received(b"ple\r\n")
        self.transcript.sent(b"EHLO us.example\r\n")
        self.assertEqual(
            [
                "mx.example [192.0.2.1] port 25",
                "    0.000  -- connected",
                "    0.250  S: 220 mx.example",
                "    0.250  C: EHLO us.example",
            ],
            list(transcript_text(self.transcript)),
        )

    def test_a_login_is_hidden_on_both_sides(self) -> None:
        self.transcript.sent(b"AUTH SCRAM-SHA-256 biwsbj1hbm4=\r\n")
        self.transcript.received(b"334 cj1hbm4=\r\n")
        self.transcript.sent(b"Yz1iaXdz\r\n")
        self.transcript.received(b"334 \r\n")
        self.transcript.sent(b"\r\n")
        self.transcript.received(b"235 welcome\r\n")
        self.transcript.sent(b"QUIT\r\n")
        self.assertEqual(
            [
                "C: AUTH SCRAM-SHA-256 (hidden)",
                "S: 334 (hidden)",
                "C: (hidden)",
                "S: 334 (hidden)",
                "C: (hidden)",
                "S: 235 welcome",
                "C: QUIT",
            ],
            self.texts(),
        )

    def test_passwords_of_imap_and_pop3(self) -> None:
        self.transcript.sent(b'a1 LOGIN "ann" "pass word"\r\n')
        self.transcript.sent(b"USER ann\r\n")
        self.transcript.sent(b"pass pass word\r\n")
        self.transcript.sent(b"a2 AUTHENTICATE PLAIN\r\n")
        self.transcript.received(b"+ \r\n")
        self.transcript.sent(b"AGFubgBwYXNzIHdvcmQ=\r\n")
        self.assertEqual(
            [
                "C: a1 LOGIN (hidden)",
                "C: USER ann",
                "C: pass (hidden)",
                "C: a2 AUTHENTICATE PLAIN",
                "S: + (hidden)",
                "C: (hidden)",
            ],
            self.texts(),
        )

    def test_a_server_that_repeats_the_password(self) -> None:
        self.transcript.received(b"535 wrong: pass word, AGFubgBwYXNzIHdvcmQ=, cGFzcyB3b3Jk\r\n")
        self.assertEqual(["S: 535 wrong: (hidden), (hidden), (hidden)"], self.texts())

    def test_bounds(self) -> None:
        self.transcript.received(b"x" * 10_000 + b"\r\n")
        self.assertEqual(LONGEST_LINE, len(self.transcript.lines[0].text))
        for _ in range(2 * MOST_LINES):
            self.transcript.received(b"220 hi\r\n")
        self.assertEqual(MOST_LINES + 1, len(self.transcript.lines))
        self.assertIn("more lines", self.transcript.lines[-1].text)

    def test_a_flood_is_not_read(self) -> None:
        read: list[bytes] = []
        take = self.transcript._received

        def count(line: bytes) -> None:
            read.append(line)
            take(line)

        self.patch(self.transcript, "_received", count)
        for _ in range(3):
            self.transcript.received(b"\n" * (MOST_LINES + 100))
        self.assertEqual(MOST_LINES + 1, len(read))

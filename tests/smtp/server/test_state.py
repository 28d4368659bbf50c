"""Every command in every state: the reply, and the state that it leads to."""

from __future__ import annotations

from tests.smtp.fakes import TERMS, FakeAuthenticator, Talk, TalkCase

ENTER = {
    "greeted": [],
    "ready": ["EHLO client.example"],
    "sender": ["EHLO client.example", "MAIL FROM:<a@example.net>"],
    "recipients": [
        "EHLO client.example",
        "MAIL FROM:<a@example.net>",
        "RCPT TO:<b@example.com>",
    ],
    "chunks": [
        "EHLO client.example",
        "MAIL FROM:<a@example.net>",
        "RCPT TO:<b@example.com>",
        "BDAT 2\r\nhi",
    ],
}
LOGIN = "AUTH PLAIN AGFubkBleGFtcGxlLmNvbQBzZWNyZXQ="

# what is said: code in each of the states above, and the state afterwards ("" for the same)
TABLE = {
    "HELO client.example": ("250 250 250 250 250", "ready ready ready ready ready"),
    "EHLO client.example": ("250 250 250 250 250", "ready ready ready ready ready"),
    "LHLO client.example": ("500 500 500 500 500", ""),
    "MAIL FROM:<a@example.net>": ("503 250 503 503 503", "greeted sender sender recipients chunks"),
    "RCPT TO:<c@example.com>": (
        "503 503 250 250 503",
        "greeted ready recipients recipients chunks",
    ),
    "DATA\r\n.": ("503 503 554 354 503", "greeted ready sender ready chunks"),
    "BDAT 1\r\nx": ("503 503 554 250 250", "greeted ready sender chunks chunks"),
    "BDAT 1 LAST\r\nx": ("503 503 554 250 250", "greeted ready sender ready ready"),
    "RSET": ("250 250 250 250 250", "greeted ready ready ready ready"),
    "NOOP": ("250 250 250 250 250", ""),
    "NOOP for good measure": ("250 250 250 250 250", ""),
    "VRFY b": ("252 252 252 252 252", ""),
    "HELP": ("214 214 214 214 214", ""),
    "HELP MAIL": ("214 214 214 214 214", ""),
    "EXPN staff": ("500 500 500 500 500", ""),
    "TURN": ("500 500 500 500 500", ""),
    LOGIN: ("503 235 503 503 503", ""),
    "STARTTLS": ("503 220 503 503 503", "greeted greeted sender recipients chunks"),
    "RSET now": ("501 501 501 501 501", ""),
    "MAIL TO:<a@example.net>": ("503 501 503 503 503", ""),
    "RCPT TO:<>": ("503 503 501 501 503", ""),
    "DATA now": ("503 503 554 501 503", ""),
    "STARTTLS now": ("503 501 503 503 503", ""),
    "EHLO": ("501 501 501 501 501", ""),
    "AUTH NONE": ("503 504 503 503 503", ""),
}


class TableTests(TalkCase):
    def _talk_in(self, state: str) -> Talk:
        talk = self.new_talk(TERMS, hello=False, authenticator=FakeAuthenticator(in_the_clear=True))
        talk.lines(*ENTER[state])
        return talk

    def _state_after(self, state: str, command: str) -> str:
        """Find the state by the replies to commands that differ in each state."""
        first, second = self._talk_in(state), self._talk_in(state)
        for talk in (first, second):
            talk.say(f"{command}\r\n".encode())
        chunk, recipient = first.say(b"BDAT 0\r\n"), second.say(b"RCPT TO:<d@example.com>\r\n")
        if chunk.startswith(b"250"):
            return "recipients" if recipient.startswith(b"250") else "chunks"
        if chunk.startswith(b"554"):
            return "sender"
        return "ready" if b"MAIL FROM first" in chunk else "greeted"

    def test_every_command_in_every_state(self) -> None:
        for command, (codes, _) in TABLE.items():
            for state, code in zip(ENTER, codes.split(), strict=True):
                reply = self._talk_in(state).say(f"{command}\r\n".encode()).decode()
                self.assertEqual(reply[:3], code, f"{command!r} in state {state}: {reply}")

    def test_the_state_afterwards(self) -> None:
        for command, (_, after) in TABLE.items():
            for state, wanted in zip(ENTER, after.split() or ENTER, strict=True):
                found = self._state_after(state, command)
                self.assertEqual(found, wanted, f"{command!r} in state {state}")

    def test_quit_in_every_state(self) -> None:
        for state in ENTER:
            talk = self._talk_in(state)
            self.assertEqual(talk.lines("QUIT", "NOOP"), ["221 2.0.0"], state)
            self.assertTrue(talk.wire.hung_up)

    def test_the_reply_has_the_remedy(self) -> None:
        self.assertIn(b"Say EHLO first", self._talk_in("greeted").say(b"MAIL FROM:<>\r\n"))
        self.assertIn(b"Say MAIL FROM first", self._talk_in("ready").say(b"DATA\r\n"))
        self.assertIn(b"No valid recipients", self._talk_in("sender").say(b"DATA\r\n"))

    def test_reset_and_hello_abandon_the_transaction(self) -> None:
        for command in ("RSET", "EHLO again.example", "HELO again.example"):
            for state in ("sender", "recipients", "chunks"):
                talk = self._talk_in(state)
                talk.lines(command)
                self.assertEqual(talk.last.fate, "abandoned", f"{command} in {state}")
                self.assertEqual(talk.lines("MAIL FROM:<>"), ["250 2.1.0"])

    def test_verbs_have_no_case(self) -> None:
        talk = self._talk_in("greeted")
        said = talk.lines("eHlO x", "mail from:<a@example.net>", "Rcpt To:<b@example.com>", "rset")
        self.assertEqual(said, ["250", "250 2.1.0", "250 2.0.0", "250 2.0.0"])

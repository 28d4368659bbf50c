"""Recipients that a client pipelines are announced to the transaction together."""

from __future__ import annotations

from dataclasses import replace

from mailhost.smtp.server.transaction import MOST_ANNOUNCED_TOGETHER
from tests.smtp.fakes import NOBODY, TERMS, TalkCase


class AheadTests(TalkCase):
    """Recipients in the buffer are announced to the transaction."""

    def announced(self, *lines: str) -> list[list[str]]:
        """Return the announced recipients, if these lines come in one block behind MAIL."""
        lines = ("MAIL FROM:<a@example.net>", *lines)
        self.talk.say("".join(f"{line}\r\n" for line in lines).encode())
        return self.talk.reception.announced

    def test_those_that_are_there_with_the_first(self) -> None:
        rcpts = [f"RCPT TO:<{name}@example.com>" for name in "bcd"]
        expected = [["b@example.com", "c@example.com", "d@example.com"]]
        self.assertEqual(self.announced(*rcpts, "DATA"), expected)

    def test_one_at_a_time_is_not_announced(self) -> None:
        self.assertEqual(self.announced("RCPT TO:<b@example.com>", "DATA"), [])

    def test_up_to_a_line_that_the_session_refuses(self) -> None:
        for line in (
            "NOOP",
            "RCPT TO:<>",
            "RCPT TO:<\0@example.com>",
            "RCPT TO:<j\u00f6rg@example.com>",
            "RCPT TO:<c@example.com> X=Y",
        ):
            self.setUp()
            rcpts = [f"RCPT TO:<{name}@example.com>" for name in "bc"]
            found = self.announced(*rcpts, line, *rcpts)
            self.assertEqual(found, [["b@example.com", "c@example.com"]] * 2, line)

    def test_refused_ones_count_too(self) -> None:
        self.talk.reception.answers["recipient"] = NOBODY
        rcpts = [f"RCPT TO:<{name}@example.com>" for name in "bcd"]
        self.announced(*rcpts, "RSET")
        self.assertEqual([each.fate for each in self.talk.reception.transactions], ["abandoned"])

    def test_no_more_than_may_be_accepted(self) -> None:
        self.talk = self.new_talk(options=replace(TERMS, recipients=2))
        self.talk.say(b"EHLO me.example\r\n")
        rcpts = [f"RCPT TO:<{name}@example.com>" for name in "bcd"]
        self.assertEqual(self.announced(*rcpts), [["b@example.com", "c@example.com"]])

    def test_many_pipelined_recipients_are_announced_in_parts(self) -> None:
        recipients = [f"b{number}@example.com" for number in range(MOST_ANNOUNCED_TOGETHER + 50)]
        commands = "".join(f"RCPT TO:<{each}>\r\n" for each in recipients)
        self.talk.say(b"MAIL FROM:<a@example.net>\r\n" + commands.encode())
        first, rest = self.talk.reception.announced
        self.assertEqual(recipients, first + rest)
        self.assertEqual(MOST_ANNOUNCED_TOGETHER + 1, len(first))

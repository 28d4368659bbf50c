"""The content as it arrives: SMTP smuggling, bare line ends and NULs."""

from __future__ import annotations

from itertools import product

from tests.smtp.fakes import TalkCase, codes

START = ["MAIL FROM:<a@example.net>", "RCPT TO:<b@example.com>", "DATA"]
NO_END = [
    b"\n.\n",
    b"\r\n.\n",
    b"\n.\r\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r\n.\r\r\n",
    b"\r\r\n.\r\r\n",
    b"\n\n.\n\n",
    b"\r\n.\x00\r\n",
    b"\r\n\x00.\r\n",
    b"\r\n. \r\n",
    b"\n.\n\r",
]
SMUGGLED = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nevil\r\n"


class SmugglingTests(TalkCase):
    def test_nothing_else_ends_the_content(self) -> None:
        for sequence in NO_END:
            talk = self.new_talk()
            talk.lines(*START)
            self.assertEqual(talk.say(b"text" + sequence + SMUGGLED), b"", sequence)
            said = codes(talk.say(b".\r\n"))
            self.assertEqual(len(said), 1)
            self.assertEqual(len(talk.reception.transactions), 1)
            if sequence != b"\r\n. \r\n":
                self.assertEqual(said, ["554 5.6.0"], sequence)
                self.assertEqual(talk.last.fate, "abandoned")

    def test_every_short_sequence_at_every_cut(self) -> None:
        """All strings of four of CR, LF and dot: a message with a bare CR or LF is refused."""
        for letters in product(b"\r\n.", repeat=4):
            text = b"a" + bytes(letters) + b"b"
            whole = text + b"\r\n.\r\n"
            for cut in range(1, len(whole)):
                talk = self.new_talk()
                talk.lines(*START)
                replies = talk.say(whole[:cut]) + talk.say(whole[cut:] + b"NOOP\r\n")
                self._judge(text, codes(replies), talk.last.fate, talk.last.content)

    def _judge(self, text: bytes, said: list[str], fate: str, content: bytes) -> None:
        pure = text.replace(b"\r\n", b"")
        if b"\r" in pure or b"\n" in pure:
            self.assertEqual((said, fate), (["554 5.6.0", "250 2.0.0"], "abandoned"), text)
        else:
            self.assertEqual((said, fate), (["250 2.0.0", "250 2.0.0"], "ended"), text)
            self.assertEqual(content, text.replace(b"\r\n.", b"\r\n") + b"\r\n")

    def test_the_first_line(self) -> None:
        for text, kept in ((b"", b""), (b".", b"\r\n"), (b"..", b".\r\n"), (b".a", b"a\r\n")):
            talk = self.new_talk()
            talk.lines(*START)
            stuffed = text + b"\r\n.\r\n" if text else b".\r\n"
            if text == b".":
                stuffed = b"..\r\n.\r\n"
                kept = b".\r\n"
            self.assertEqual(codes(talk.say(stuffed)), ["250 2.0.0"])
            self.assertEqual(talk.last.content, kept)

    def test_chunks_of_text_are_held_to_the_same(self) -> None:
        """Content that came by BDAT may be sent by DATA to the next host."""
        for chunks in ([b"a\nb"], [b"a\rb"], [b"a\r", b"b\n"], [b"a\0b"], [b"a\r"], [b"\n"]):
            talk = self.new_talk()
            talk.lines(*START[:2])
            for chunk in chunks[:-1]:
                talk.say(b"BDAT %d\r\n%b" % (len(chunk), chunk))
            said = codes(talk.say(b"BDAT %d LAST\r\n%b" % (len(chunks[-1]), chunks[-1])))
            self.assertEqual(said, ["554 5.6.0"], chunks)
            self.assertEqual(talk.last.fate, "abandoned")

    def test_a_line_end_across_two_chunks(self) -> None:
        self.talk.lines(*START[:2])
        said = codes(self.talk.say(b"BDAT 2\r\na\rBDAT 2\r\n\nbBDAT 2 LAST\r\n\r\n"))
        self.assertEqual(said, ["250 2.0.0"] * 3)
        self.assertEqual(self.talk.last.content, b"a\r\nb\r\n")

    def test_binary_may_hold_anything(self) -> None:
        self.talk = self.new_talk(binary=True)
        self.talk.lines("MAIL FROM:<a@example.net> BODY=BINARYMIME", START[1])
        said = codes(self.talk.say(b"BDAT 6 LAST\r\n\r\0\n\n.\r"))
        self.assertEqual(said, ["250 2.0.0"])
        self.assertEqual(self.talk.last.content, b"\r\0\n\n.\r")

    def test_the_refusal_is_logged(self) -> None:
        self.talk.lines(*START)
        self.talk.say(b"a\n.\nb\r\n.\r\n")
        self.assertIn("bare CR or LF", self.talk.events.lines[-1])

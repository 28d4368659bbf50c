"""The encoding of POP3 replies, and the beginning of a message for TOP."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.pop3.reply import IN_USE, err, listing, ok, top

MESSAGE = b"Subject: hi\r\nX: \r\n\r\none\r\n\r\nthree\rfour\nfive\r\n"


class ReplyTests(SynchronousTestCase):
    def test_one_line_whatever_the_text_is(self) -> None:
        self.assertEqual(b"+OK\r\n", ok())
        self.assertEqual(b"+OK a b?\r\n", ok("a\r\n b\u00fc"))
        self.assertEqual(b"-ERR No\r\n", err("No"))
        self.assertEqual(b"-ERR [IN-USE] No\r\n", err("No", IN_USE))

    def test_a_list_ends_with_a_dot(self) -> None:
        self.assertEqual(b"+OK all\r\n1 2\r\n3 4\r\n.\r\n", listing("all", ["1 2", "3 4"]))


class TopTests(SynchronousTestCase):
    def test_the_header_and_some_lines(self) -> None:
        header = b"Subject: hi\r\nX: \r\n\r\n"
        for count, body in ((0, b""), (1, b"one\r\n"), (2, b"one\r\n\r\n"), (9, MESSAGE[20:])):
            self.assertEqual(header + body, b"".join(top([MESSAGE], count)), count)

    def test_a_message_without_a_body(self) -> None:
        for message in (b"", b"A: b\r\n", b"A: b", b"A: b\r"):
            self.assertEqual(message, b"".join(top([message], 0)))

    @given(st.integers(0, 6), st.lists(st.integers(0, len(MESSAGE)), max_size=6).map(sorted))
    def test_any_cut_gives_the_same(self, count: int, cuts: list[int]) -> None:
        ends = zip([0, *cuts], [*cuts, len(MESSAGE)], strict=True)
        chunks = [MESSAGE[start:end] for start, end in ends]
        self.assertEqual(b"".join(top([MESSAGE], count)), b"".join(top(chunks, count)))

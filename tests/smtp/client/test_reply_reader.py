"""Parsing of the replies of a server."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.status import Status
from mailhost.smtp.client.reply_reader import (
    LARGEST_REPLY,
    LONGEST_REPLY_LINE,
    MOST_REPLY_LINES,
    Reply,
    ReplyReader,
)


def read(data: bytes) -> tuple[list[Reply], str]:
    """All replies, and the fault."""
    reader = ReplyReader()
    return reader.feed(data), reader.fault


class Reading(SynchronousTestCase):
    def test_replies(self) -> None:
        for data, replies in (
            (b"250 OK\r\n", [Reply(250, ("OK",))]),
            (b"250\r\n", [Reply(250, ("",))]),
            (b"250 \r\n", [Reply(250, ("",))]),
            (b"250-a\r\n250-\r\n250 b\r\n", [Reply(250, ("a", "", "b"))]),
            (b"220 x\n354 go\n", [Reply(220, ("x",)), Reply(354, ("go",))]),
            (b"250-never the end\r\n", []),
            (b"250 no line end", []),
        ):
            self.assertEqual((replies, ""), read(data))

    def test_what_is_no_reply(self) -> None:
        for data, text in (
            (b"hello\r\n", "no SMTP reply"),
            (b"\r\n", "no SMTP reply"),
            (b"25 OK\r\n", "no SMTP reply"),
            (b"2500 OK\r\n", "no SMTP reply"),
            (b"199 OK\r\n", "no SMTP reply"),
            (b"600 OK\r\n", "no SMTP reply"),
            (b"250+OK\r\n", "no SMTP reply"),
            (b"HTTP/1.1 400 Bad Request\r\n", "no SMTP reply"),
            (b"250-a\r\n251 b\r\n", "two codes"),
            (b"250 " + b"x" * (LONGEST_REPLY_LINE - 3) + b"\r\n", "a line that is too long"),
            (b"250 " + b"x" * (LONGEST_REPLY_LINE - 3), "a line that is too long"),
            (b"250-a\r\n" * MOST_REPLY_LINES + b"250 a\r\n", "a reply that is too long"),
            (b"250-" + b"x" * 1000 + b"\r\n", ""),
            (
                (b"250-" + b"x" * 1000 + b"\r\n") * (LARGEST_REPLY // 1000 + 1),
                "a reply that is too long",
            ),
        ):
            with self.subTest(data[:40]):
                replies, fault = read(data)
                self.assertEqual([], replies)
                self.assertIn(text, fault)
                self.assertEqual(bool(text), bool(fault))

    def test_the_longest_line(self) -> None:
        replies, fault = read(b"250 " + b"x" * (LONGEST_REPLY_LINE - 4) + b"\r\n")
        self.assertEqual((1, ""), (len(replies), fault))

    def test_replies_before_a_fault_count(self) -> None:
        reader = ReplyReader()
        self.assertEqual([Reply(250, ("OK",))], reader.feed(b"250 OK\r\nnonsense\r\n250 OK\r\n"))
        self.assertTrue(reader.fault)
        self.assertEqual([], reader.feed(b"250 OK\r\n"))

    def test_reset_forgets_half_replies(self) -> None:
        reader = ReplyReader()
        reader.feed(b"250-injected\r\n250-more")
        reader.reset()
        self.assertEqual([Reply(220, ("new",))], reader.feed(b"220 new\r\n"))

    def test_a_status_with_and_without_enhanced_code(self) -> None:
        for data, status in (
            (b"550 5.1.1 no such user\r\n", Status(550, "5.1.1", "no such user")),
            (b"550 no such user\r\n", Status(550, "5.0.0", "no such user")),
            (b"451-4.7.1 come\r\n451 4.7.1 later\r\n", Status(451, "4.7.1", "come\nlater")),
            (b"250 2.1.5\r\n", Status(250, "2.1.5", "")),
            (b"550 caf\xe9 \x1b[2J\r\n", Status(550, "5.0.0", "caf\ufffd ?[2J")),
        ):
            self.assertEqual([status], [reply.status() for reply in read(data)[0]])

    @given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
    def test_any_cut_gives_the_same(self, junk: bytes, cuts: list[int]) -> None:
        data = b"220 hi\r\n250-a\r\n250 b\r\n" + junk
        reader, replies, edges = ReplyReader(), [], [0, *sorted(cuts), len(data)]
        for begin, end in pairwise(edges):
            replies += reader.feed(data[begin:end])
        whole, fault = read(data)
        self.assertEqual((whole, bool(fault)), (replies, bool(reader.fault)))

"""The replies of a filter: each is packed and read back, and broken packets are refused."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.milter import replies
from mailhost.milter.codec import (
    MilterFailed,
    Packet,
)
from mailhost.milter.replies import BareReply, MilterReply, parse_reply
from tests.milter.strategies import NUMBER, OCTETS, STRING, TEXT

REPLIES: st.SearchStrategy[MilterReply] = st.one_of(
    st.sampled_from(BareReply),
    st.builds(replies.ReplyCode, TEXT),
    st.builds(replies.AddHeader, STRING, STRING),
    st.builds(replies.InsHeader, NUMBER, STRING, STRING),
    st.builds(replies.ChgHeader, NUMBER, STRING, STRING),
    st.builds(replies.ReplBody, OCTETS),
    st.builds(replies.ChgFrom, TEXT, TEXT),
    st.builds(replies.AddRcpt, TEXT, TEXT),
    st.builds(replies.DelRcpt, TEXT),
    st.builds(replies.Quarantine, TEXT),
)


class ReplyTests(SynchronousTestCase):
    @given(REPLIES)
    def test_replies(self, reply: MilterReply) -> None:
        self.assertEqual(reply, parse_reply(reply.packet()))

    def test_the_octets_of_some(self) -> None:
        for value, packet in (
            (replies.ChgHeader(1, b"A", b""), Packet(b"m", b"\0\0\0\1A\0\0")),
            (replies.AddRcpt("<a@b>"), Packet(b"+", b"<a@b>\0")),
            (replies.AddRcpt("<a@b>", "X"), Packet(b"2", b"<a@b>\0X\0")),
        ):
            self.assertEqual(packet, value.packet())

    def test_what_is_no_reply(self) -> None:
        for packet in (
            Packet(b"c", b"x"),
            Packet(b"?"),
            Packet(b"h", b"A\0"),
            Packet(b"h", b""),
            Packet(b"h", b"A\0b\0c\0"),
            Packet(b"m", b"\0\0\0"),
            Packet(b"m", b"\0\0\0\1A\0"),
            Packet(b"i", b"\0\0\0\1"),
            Packet(b"+", b"a\0b\0"),
            Packet(b"-", b""),
            Packet(b"e", b""),
            Packet(b"2", b"a\0b\0c\0"),
        ):
            self.assertRaises(MilterFailed, parse_reply, packet)

    def test_the_last_nul_may_be_missing(self) -> None:
        self.assertEqual(replies.AddHeader(b"A", b"b"), parse_reply(Packet(b"h", b"A\0b")))
        self.assertEqual(replies.Quarantine("why"), parse_reply(Packet(b"q", b"why")))
        self.assertEqual(replies.DelRcpt("<a@b>"), parse_reply(Packet(b"-", b"<a@b>")))

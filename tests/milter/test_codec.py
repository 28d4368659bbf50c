"""Packets and what is in them: both ways, however they are cut, and what is none."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.milter import replies
from mailhost.milter.codec import (
    LARGEST_READ,
    LARGEST_SENT,
    MilterFailed,
    Packet,
    PacketReader,
    pack,
    string,
    strings,
)
from mailhost.milter.commands import (
    BareCommand,
    BodyCommand,
    Command,
    ConnectCommand,
    Family,
    HeaderCommand,
    HeloCommand,
    MacrosCommand,
    MailCommand,
    RcptCommand,
)
from mailhost.milter.negotiation import Actions, Options, parse_options
from mailhost.milter.replies import Reply, Word, parse_reply
from mailhost.milter.stages import Wishes
from tests.milter.reading import parse_command

OCTETS = st.binary(max_size=40)
STRING = OCTETS.map(lambda octets: octets.replace(b"\0", b""))
TEXT = STRING.map(lambda octets: octets.decode("utf-8", "surrogateescape"))
TEXTS = st.lists(TEXT, max_size=4).map(tuple)
NUMBER = st.integers(0, 2**32 - 1)
LETTER = st.sampled_from([b"C", b"H", b"M", b"R", b"T", b"N", b"E"])

COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.sampled_from(BareCommand),
    st.builds(ConnectCommand, TEXT),
    st.builds(
        ConnectCommand,
        TEXT,
        st.sampled_from([Family.UNIX, Family.IPV4, Family.IPV6]),
        st.integers(0, 65535),
        TEXT,
    ),
    st.builds(HeloCommand, TEXT),
    st.builds(MailCommand, TEXT, TEXTS),
    st.builds(RcptCommand, TEXT, TEXTS),
    st.builds(HeaderCommand, STRING, STRING),
    st.builds(BodyCommand, OCTETS),
    st.builds(MacrosCommand, LETTER, st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple)),
)
REPLIES: st.SearchStrategy[Reply] = st.one_of(
    st.sampled_from(Word),
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
OPTIONS = st.builds(
    Options,
    NUMBER,
    NUMBER.map(Actions),
    NUMBER.map(Wishes),
    st.lists(st.tuples(NUMBER, TEXT), max_size=4).map(tuple),
)
PACKETS = st.builds(Packet, st.binary(min_size=1, max_size=1), OCTETS)


class ThereAndBack(SynchronousTestCase):
    @given(COMMANDS)
    def test_commands(self, command: Command) -> None:
        self.assertEqual(command, parse_command(command.packet()))

    @given(REPLIES)
    def test_replies(self, reply: Reply) -> None:
        self.assertEqual(reply, parse_reply(reply.packet()))

    @given(OPTIONS)
    def test_options(self, options: Options) -> None:
        self.assertEqual(options, parse_options(options.packet()))

    @given(st.lists(STRING, min_size=1))
    def test_strings(self, values: list[bytes]) -> None:
        self.assertEqual(values, strings(b"".join(map(string, values))))

    def test_a_nul_ends_no_string_early(self) -> None:
        self.assertEqual(b"ab\0", string(b"a\0b"))
        self.assertEqual(b"ab\0", string("a\0b"))

    def test_the_octets_of_some(self) -> None:
        for value, packet in (
            (HeloCommand("a"), Packet(b"H", b"a\0")),
            (
                ConnectCommand("a", Family.IPV4, 258, "1.2.3.4"),
                Packet(b"C", b"a\x004\1\x021.2.3.4\0"),
            ),
            (ConnectCommand("a"), Packet(b"C", b"a\0U")),
            (MacrosCommand(b"M", (("i", "x"),)), Packet(b"D", b"Mi\0x\0")),
            (replies.ChgHeader(1, b"A", b""), Packet(b"m", b"\0\0\0\1A\0\0")),
            (replies.AddRcpt("<a@b>"), Packet(b"+", b"<a@b>\0")),
            (replies.AddRcpt("<a@b>", "X"), Packet(b"2", b"<a@b>\0X\0")),
        ):
            self.assertEqual(packet, value.packet())
        self.assertEqual(b"\0\0\0\3Ha\0", pack(Packet(b"H", b"a\0")))


class AnyCut(SynchronousTestCase):
    @given(st.lists(PACKETS, max_size=8), st.booleans(), st.data())
    def test_any_cut(self, packets: list[Packet], fault: bool, data: st.DataObject) -> None:
        whole = b"".join(map(pack, packets)) + b"\0\0\0\0" * fault
        cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=20).map(sorted))
        reader = PacketReader()
        read = []
        for start, end in pairwise([0, *cuts, len(whole)]):
            read += reader.feed(whole[start:end])
        self.assertEqual(packets, read)
        self.assertEqual("the filter sent a packet of 0 octets" * fault, reader.fault)

    @given(st.binary(max_size=60), st.integers(0, 60))
    def test_whatever_comes(self, data: bytes, cut: int) -> None:
        whole, cut_up = PacketReader(40), PacketReader(40)
        self.assertEqual(whole.feed(data), cut_up.feed(data[:cut]) + cut_up.feed(data[cut:]))
        self.assertEqual(whole.fault, cut_up.fault)

    @given(st.binary(max_size=40), st.binary(max_size=1))
    def test_nothing_else_is_raised(self, data: bytes, letter: bytes) -> None:
        for parse in (parse_reply, parse_command, parse_options):
            try:
                parse(Packet(letter, data))
            except MilterFailed:
                continue


class Limits(SynchronousTestCase):
    def test_the_largest_that_is_read(self) -> None:
        reader = PacketReader()
        largest = (LARGEST_READ + 1).to_bytes(4, "big") + b"b" + b"x" * LARGEST_READ
        self.assertEqual([Packet(b"b", b"x" * LARGEST_READ)], reader.feed(largest))
        self.assertEqual([], reader.feed((LARGEST_READ + 2).to_bytes(4, "big")))
        self.assertIn("a packet of 1048578 octets", reader.fault)
        self.assertEqual([], reader.feed(pack(Packet(b"c"))))

    def test_the_largest_that_is_sent(self) -> None:
        self.assertEqual(LARGEST_SENT + 5, len(pack(Packet(b"B", b"x" * LARGEST_SENT))))
        self.assertRaises(MilterFailed, pack, Packet(b"B", b"x" * (LARGEST_SENT + 1)))


class Broken(SynchronousTestCase):
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

    def test_what_is_no_offer(self) -> None:
        for packet in (Packet(b"c"), Packet(b"O", b"\0" * 11), Packet(b"O", b"\0" * 13)):
            self.assertRaises(MilterFailed, parse_options, packet)

"""Packets and their strings: encoding, parsing from blocks of any size, invalid packets."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.milter.codec import (
    LARGEST_READ_PACKET,
    LARGEST_SENT_PACKET,
    MilterFailed,
    Packet,
    PacketReader,
    pack,
    string,
    strings,
)
from mailhost.milter.negotiation import parse_options
from mailhost.milter.replies import parse_reply
from tests.milter.reading import parse_command
from tests.milter.strategies import OCTETS, STRING

PACKETS = st.builds(Packet, st.binary(min_size=1, max_size=1), OCTETS)


class ThereAndBack(SynchronousTestCase):
    @given(st.lists(STRING, min_size=1))
    def test_strings(self, values: list[bytes]) -> None:
        self.assertEqual(values, strings(b"".join(map(string, values))))

    def test_a_packet(self) -> None:
        self.assertEqual(b"\0\0\0\3Ha\0", pack(Packet(b"H", b"a\0")))

    def test_a_nul_ends_no_string_early(self) -> None:
        self.assertEqual(b"ab\0", string(b"a\0b"))
        self.assertEqual(b"ab\0", string("a\0b"))


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
        largest = (LARGEST_READ_PACKET + 1).to_bytes(4, "big") + b"b" + b"x" * LARGEST_READ_PACKET
        self.assertEqual([Packet(b"b", b"x" * LARGEST_READ_PACKET)], reader.feed(largest))
        self.assertEqual([], reader.feed((LARGEST_READ_PACKET + 2).to_bytes(4, "big")))
        self.assertIn("a packet of 1048578 octets", reader.fault)
        self.assertEqual([], reader.feed(pack(Packet(b"c"))))

    def test_the_largest_that_is_sent(self) -> None:
        self.assertEqual(
            LARGEST_SENT_PACKET + 5, len(pack(Packet(b"B", b"x" * LARGEST_SENT_PACKET)))
        )
        self.assertRaises(MilterFailed, pack, Packet(b"B", b"x" * (LARGEST_SENT_PACKET + 1)))

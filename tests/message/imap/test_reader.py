"""Readers: CRLF everywhere, octet for octet, in blocks."""

from __future__ import annotations

import os
import tempfile

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content, content_of_file
from mailhost.message.crlf import with_crlf
from mailhost.message.imap.reader import (
    BLOCK,
    WHOLE,
    ContentReader,
    CrlfReader,
    MemoryReader,
    Octets,
    blocks,
    octets_of,
    reader_of,
)

ends = st.lists(st.sampled_from([b"\r\n", b"\n", b"\r", b"x", b"yz"]), max_size=30).map(b"".join)


def large(piece: bytes) -> bytes:
    return piece * (2 * WHOLE // len(piece) + 1)


class CrlfReaderTests(SynchronousTestCase):
    @given(ends, st.integers(0, 40), st.integers(0, 40))
    def test_any_slice(self, octets: bytes, offset: int, size: int) -> None:
        wire = with_crlf(octets)
        reader = CrlfReader(MemoryReader(octets))
        self.assertEqual(reader.read(offset, size), wire[offset : offset + size])
        self.assertEqual(reader.size, len(wire))

    def test_slices_across_blocks(self) -> None:
        for piece in (b"ab\n", b"\r\n", b"\n", b"x\r\r\n", b"y" * (BLOCK - 1) + b"\r\n"):
            octets = large(piece)
            wire = with_crlf(octets)
            reader = CrlfReader(MemoryReader(octets))
            for offset in (3 * BLOCK - 2, 0, BLOCK - 3, len(wire) - 5, 2 * BLOCK, len(wire) + 1):
                for size in (1, 5, BLOCK + 3):
                    found = reader.read(offset, size)
                    self.assertEqual(found, wire[offset : offset + size])
            self.assertEqual(reader.size, len(wire))

    def test_a_known_size_is_not_measured(self) -> None:
        below = Counting(large(b"ab\n"))
        self.assertEqual(CrlfReader(below, 12345).size, 12345)
        self.assertEqual(below.count, 0)


class Counting:
    """Counts what is read."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self.size = len(octets)
        self.count = 0

    def read(self, offset: int, size: int) -> bytes:
        self.count += size
        return self._octets[offset : offset + size]


class ReaderOfTests(SynchronousTestCase):
    def test_small_ones_are_in_memory(self) -> None:
        self.assertEqual(reader_of(Content((b"a\n", b"b\n"))), MemoryReader(b"a\r\nb\r\n"))
        self.assertEqual(reader_of(Content((b"a\r\n",)), 3), MemoryReader(b"a\r\n"))

    def test_large_ones_are_read_where_they_lie(self) -> None:
        for piece in (b"abc\r\n", b"abc\n"):
            octets = large(piece)
            wire = with_crlf(octets)
            with tempfile.NamedTemporaryFile() as file:
                file.write(octets)
                file.flush()
                for known in (None, len(wire)):
                    reader = reader_of(content_of_file(file.name), known)
                    self.assertEqual(reader.size, len(wire))
                    self.assertEqual(reader.read(WHOLE - 3, 9), wire[WHOLE - 3 : WHOLE + 6])
                    is_plain = known == len(octets)
                    self.assertIsInstance(reader, ContentReader if is_plain else CrlfReader)

    def test_a_file_that_becomes_shorter(self) -> None:
        octets = large(b"abc\r\n")
        with tempfile.NamedTemporaryFile() as file:
            file.write(octets)
            file.flush()
            reader = reader_of(content_of_file(file.name), len(octets))
            os.truncate(file.name, 10)
            self.assertRaises(OSError, list, blocks(reader, 0, reader.size))


class OctetsTests(SynchronousTestCase):
    @given(ends, st.sampled_from([b"\n", b"\r\n", b"xy", b"yzx\n"]), st.integers(-3, 40))
    def test_find_and_slices_are_those_of_bytes(
        self, octets: bytes, pattern: bytes, start: int
    ) -> None:
        found = Octets(MemoryReader(octets))
        at = max(start, 0)
        self.assertEqual(found.find(pattern, at), octets.find(pattern, at))
        self.assertEqual(found.find(pattern, at, at + 9), octets.find(pattern, at, at + 9))
        self.assertEqual(found[at : at + 5], octets[at : at + 5])
        self.assertEqual(found[start:], octets[start:])
        self.assertEqual((len(found), found.find(pattern)), (len(octets), octets.find(pattern)))

    def test_patterns_across_blocks(self) -> None:
        for shift in range(-4, 5):
            octets = b"." * (2 * BLOCK + shift) + b"\n--b" + b"." * BLOCK
            found = Octets(MemoryReader(octets))
            self.assertEqual(found.find(b"\n--b"), 2 * BLOCK + shift)
            self.assertEqual(found.find(b"\n--b", BLOCK), 2 * BLOCK + shift)
            self.assertEqual(found.find(b"\n--c"), -1)
            self.assertEqual(found.count(b"\n", 0, len(octets)), 1)

    def test_small_messages_are_bytes(self) -> None:
        self.assertEqual(octets_of(MemoryReader(b"abc")), b"abc")
        self.assertIsInstance(octets_of(MemoryReader(large(b"a"))), Octets)

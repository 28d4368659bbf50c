"""The members of ZIP archives, and their inflated octets."""

from __future__ import annotations

import zlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.zipped import Member, inflate, members
from tests.message.mime.archives import zipped

OCTETS = b"x" * 1000


def deflated(octets: bytes) -> bytes:
    """Return the octets in the deflate format without a header."""
    deflating = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflating.compress(octets) + deflating.flush()


class MemberTests(SynchronousTestCase):
    def test_both_headers_of_a_file(self) -> None:
        archive = b"junk" + zipped(("a.txt", OCTETS), ("käse", b"y"))
        first, second, *directory = members(archive)
        self.assertEqual((first.name, second.name), ("a.txt", "käse"))
        self.assertTrue(first.deflated and first.readable)
        self.assertEqual(inflate(archive, first.start, 2000), OCTETS)
        self.assertEqual(directory, [Member("a.txt"), Member("käse")])
        self.assertFalse(directory[0].deflated)

    def test_files_that_cannot_be_read(self) -> None:
        archive = zipped(("a", OCTETS))
        encrypted = next(members(archive[:6] + b"\1" + archive[7:]))
        self.assertEqual((encrypted.encrypted, encrypted.readable), (True, False))
        unknown = next(members(archive[:8] + b"\x63" + archive[9:]))
        self.assertEqual((unknown.readable, unknown.deflated), (False, False))

    def test_the_middle_of_a_long_name_is_left_out(self) -> None:
        name = "a" * 200 + "b" * 200 + ".exe"
        self.assertEqual(next(members(zipped((name, b"")))).name, name[:128] + name[-128:])

    @given(st.lists(st.sampled_from([b"PK", b"\3\4", b"\1\2", b"\0" * 22, b"\1\0\0\0", b"a"])))
    def test_any_octets(self, pieces: list[bytes]) -> None:
        self.assertLessEqual(len(list(members(b"".join(pieces)))), pieces.count(b"PK"))


class InflateTests(SynchronousTestCase):
    def test_no_more_than_the_limit(self) -> None:
        octets = deflated(b"x" * 1_000_000)
        self.assertEqual(inflate(b"PK" + octets, 2, 5000), b"x" * 5000)

    def test_broken_octets(self) -> None:
        octets = deflated(bytes(range(256)) * 1000)
        self.assertEqual(inflate(octets[:-100], 0, 10**6)[:256], bytes(range(256)))
        self.assertEqual(inflate(b"\xff" * 100, 0, 100), b"")
        self.assertEqual(inflate(octets, len(octets), 100), b"")

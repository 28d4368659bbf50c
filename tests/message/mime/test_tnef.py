"""Names and files in TNEF streams, whole or broken."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.kinds import HEAD_SIZE
from mailhost.message.mime.tnef import heads_in_tnef, names_in_tnef

TITLE = b"\x02\x10\x80\x01\x00"
DATA = b"\x02\x0f\x80\x06\x00"
LONG_NAME = b"\x00\x07\x37\x01\0\0\0"


class NameTests(SynchronousTestCase):
    def test_each_place_of_a_name(self) -> None:
        unicode = "a.exe".encode("utf-16-le")
        for octets in (
            TITLE + b"\x05\0\0\0a.exe",
            b"\x1e" + LONG_NAME + b"\x05\0\0\0a.exe",
            b"\x1f" + LONG_NAME + len(unicode).to_bytes(4, "little") + unicode,
        ):
            self.assertEqual(list(names_in_tnef(b"junk" + octets + b"more")), ["a.exe"])

    def test_a_name_that_is_cut_or_too_long(self) -> None:
        self.assertEqual(list(names_in_tnef(TITLE + b"\xff\xff\xff\xffa.exe")), ["a.exe"])
        self.assertEqual(list(names_in_tnef(TITLE + b"\0\x04\0\0" + b"x" * 1024)), ["x" * 256])

    def test_no_name(self) -> None:
        self.assertEqual(list(names_in_tnef(TITLE + b"\x05\0")), [])
        self.assertEqual(list(names_in_tnef(b"a.exe")), [])


class HeadTests(SynchronousTestCase):
    def test_each_file(self) -> None:
        octets = DATA + b"\x02\0\0\0MZ" + b"x" * HEAD_SIZE + DATA + b"\x02\0\0\0PK"
        first, second = heads_in_tnef(octets)
        self.assertEqual((first[:3], len(first)), (b"MZx", HEAD_SIZE))
        self.assertEqual(second, b"PK")


class HostileTests(SynchronousTestCase):
    @given(st.lists(st.sampled_from([TITLE, DATA, LONG_NAME, b"\x1f", b"\xff" * 4, b"a"])))
    def test_any_octets(self, pieces: list[bytes]) -> None:
        octets = b"".join(pieces)
        self.assertLessEqual(max(map(len, names_in_tnef(octets)), default=0), 256)
        self.assertLessEqual(len(list(heads_in_tnef(octets))), pieces.count(DATA))

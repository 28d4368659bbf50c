"""Files in files are found, and no octets raise anything but TooMuch."""

from __future__ import annotations

import contextlib

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.mime.packed import Budget, TooMuch, heads_in, names_in
from tests.message.mime.archives import zipped

pieces = st.lists(
    st.sampled_from(
        [
            *(b"PK", b"\3\4", b"\1\2", b"\0" * 22, b"\1\0\0\0", b"\x08", b".zip"),
            *(b"\x78\x9f\x3e\x22", b"\2\x10\x80\1\0", b"\xff" * 4),
        ]
    )
    | st.binary(max_size=40),
    max_size=30,
).map(b"".join)


file_names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


class PackedTests(SynchronousTestCase):
    @given(pieces)
    def test_any_octets(self, octets: bytes) -> None:
        with contextlib.suppress(TooMuch):
            list(names_in(octets, Budget()))
        with contextlib.suppress(TooMuch):
            list(heads_in(octets, Budget()))

    @given(st.lists(file_names, max_size=5), st.binary(max_size=30), st.integers(0, 3))
    def test_every_name_is_found(self, wanted: list[str], before: bytes, depth: int) -> None:
        """In archives of the standard library, behind other octets, and in other archives."""
        octets = before + zipped(*((name, b"x" * 50) for name in wanted))
        for _ in range(depth):
            octets = zipped(("inner.zip", octets))
        found = set(names_in(octets, Budget()))
        self.assertTrue(set(wanted) <= found)

    def test_the_budget(self) -> None:
        octets = zipped(*((str(number), b"") for number in range(10)))
        found = list(names_in(octets, Budget(names=20)))
        self.assertEqual(len(found), 20)  # each file has two headers
        self.assertRaises(TooMuch, list, names_in(octets, Budget(names=19)))
        inner = zipped(("a.zip", zipped(("b", b"x" * 5000))))
        self.assertRaises(TooMuch, list, names_in(inner, Budget(octets=10)))

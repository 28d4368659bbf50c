"""Bare CR, bare LF and NUL are found in a message, however it is cut into blocks."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.smtp.server.line_ends import LineEnds


class LineEndsTests(SynchronousTestCase):
    def feed(self, *blocks: bytes) -> tuple[bool, bool]:
        ends = LineEnds()
        for block in blocks:
            ends.feed(block)
        ends.end()
        return ends.bare, ends.nul

    def test_pairs(self) -> None:
        for blocks in ([b"a\r\nb\r\n"], [b"a\r", b"\nb"], [b"a\r", b"", b"\n"], [b"\r\n\r", b"\n"]):
            self.assertEqual(self.feed(*blocks), (False, False), blocks)

    def test_bare(self) -> None:
        for blocks in ([b"\n"], [b"\r"], [b"\r", b"a"], [b"a", b"\n"], [b"\n\r"], [b"\r", b"\r\n"]):
            self.assertEqual(self.feed(*blocks), (True, False), blocks)

    def test_nul(self) -> None:
        self.assertEqual(self.feed(b"a\0b"), (False, True))

    @settings(deadline=None)
    @given(st.lists(st.text("\r\na", max_size=4).map(str.encode)))
    def test_any_cut_gives_the_same(self, blocks: list[bytes]) -> None:
        whole = b"".join(blocks)
        bare = re.search(rb"\r(?!\n)|(?<!\r)\n", whole) is not None
        self.assertEqual(self.feed(*blocks)[0], bare)

"""Dot-stuffing on the way out, against what takes it off on the way in."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.dot_stuffing import BareLineEnd, checked, stuffed
from mailhost.smtp.server.dot_unstuffing import DotReader

LINES = st.lists(
    st.sampled_from([b".", b"..", b"", b"x", b".x", b"\xe4.", b"a" * 100]), max_size=20
)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """Cut `data` at these places."""
    ends = sorted({place % (len(data) + 1) for place in places})
    starts = [0, *ends]
    return [data[a:b] for a, b in zip(starts, [*ends, len(data)], strict=True)]


class DotsTests(SynchronousTestCase):
    @settings(deadline=None)
    @given(LINES, st.lists(st.integers(0, 5000), max_size=8))
    def test_what_is_stuffed_reads_as_it_was(self, lines: list[bytes], places: list[int]) -> None:
        content = b"".join(line + b"\r\n" for line in lines)
        wire = b"".join(stuffed(cut(content, places)))
        reader = DotReader()
        read, rest = reader.read(wire)
        self.assertEqual((content, b"", True), (read, rest, reader.ended))

    def test_a_message_without_a_last_line_end_gets_one(self) -> None:
        self.assertEqual(b"x\r\n.\r\n", b"".join(stuffed([b"x"])))

    def test_an_empty_message(self) -> None:
        self.assertEqual(b".\r\n", b"".join(stuffed([])))

    def test_every_border_of_a_dot_at_the_start_of_a_line(self) -> None:
        content = b"a\r\n.\r\n..b\r\n"
        for place in range(len(content) + 1):
            chunks = [content[:place], content[place:]]
            self.assertEqual(b"a\r\n..\r\n...b\r\n.\r\n", b"".join(stuffed(chunks)), place)

    @settings(deadline=None)
    @given(
        st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x", b"."]), max_size=12),
        st.integers(0, 30),
    )
    def test_bare_line_ends_are_found_wherever_they_are_cut(
        self, parts: list[bytes], place: int
    ) -> None:
        content = b"".join(parts)
        bare = re.search(rb"\r(?!\n)|(?<!\r)\n", content) is not None
        try:
            seen = b"".join(checked([content[:place], content[place:]]))
        except BareLineEnd:
            self.assertTrue(bare)
        else:
            self.assertEqual((False, content), (bare, seen))

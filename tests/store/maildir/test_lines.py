"""LF becomes CRLF, however the octets are cut; whatever else there is stays."""

from __future__ import annotations

import os
import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import CHUNK_SIZE, Content, FileSlice, content_of_file
from mailhost.store.maildir.lines import bare_feeds, has_bare_feed, with_crlf

BARE = re.compile(rb"(?<!\r)\n")
pieces = st.lists(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"x", b"\0\xff"])).map(b"".join)
).map(tuple)


class LinesTests(SynchronousTestCase):
    @given(pieces)
    def test_any_octets_in_any_cut(self, cut: tuple[bytes, ...]) -> None:
        whole = b"".join(cut)
        content = Content(cut)
        bare = len(BARE.findall(whole))
        self.assertEqual(bare_feeds(content), bare)
        self.assertEqual(has_bare_feed(content), bare > 0)
        self.assertEqual(with_crlf(content, "nowhere").read(), BARE.sub(b"\r\n", whole))

    def test_a_pair_over_the_border_of_two_chunks(self) -> None:
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(b"x" * (CHUNK_SIZE - 1) + b"\r\n" + b"x" * (CHUNK_SIZE - 1) + b"\n")
        content = content_of_file(path)
        self.assertEqual(bare_feeds(content), 1)
        with open(path, "rb") as file:
            self.assertEqual(with_crlf(content, "nowhere").read(), BARE.sub(b"\r\n", file.read()))

    def test_what_comes_after_the_first_is_not_read(self) -> None:
        self.assertTrue(has_bare_feed(Content((b"a\n", b"b\n", None))))  # type: ignore[arg-type]

    def test_what_is_large_waits_in_a_file_without_a_name(self) -> None:
        folder = self.mktemp()
        content = with_crlf(Content((b"1234567\n" * 200_000,)), folder)
        self.assertIsInstance(content.pieces[0], FileSlice)
        self.assertEqual(os.listdir(folder), [])
        self.assertEqual(content.size, 1_800_000)
        self.assertEqual(content.read(18), b"1234567\r\n" * 2)

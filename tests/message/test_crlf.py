"""Line ends that are no CRLF."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.crlf import has_bare

octets = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"a"]), max_size=6).map(b"".join)


class BareTests(SynchronousTestCase):
    def test_table(self) -> None:
        for text, bare in {
            b"": False,
            b"a\r\n\r\nb": False,
            b"a\nb": True,
            b"a\rb": True,
            b"\r\r\n": True,
            b"\r\n\n": True,
            b"\n\r": True,
        }.items():
            self.assertEqual(has_bare(text), bare, text)

    @given(octets)
    def test_any_octets(self, text: bytes) -> None:
        self.assertEqual(has_bare(text), bool(re.search(rb"\r(?!\n)|(?<!\r)\n", text)))

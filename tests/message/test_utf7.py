"""Modified UTF-7 (RFC 3501 §5.1.3)."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message import utf7
from mailhost.message.utf7 import decode_utf7, encode_utf7

NAMES = {
    "": b"",
    "Sent": b"Sent",
    "Entw\xfcrfe & Co": b"Entw&APw-rfe &- Co",
    "~peter/mail/\u53f0\u5317/\u65e5\u672c\u8a9e": b"~peter/mail/&U,BTFw-/&ZeVnLIqe-",  # the RFC's
    "\U0001f600": b"&2D3eAA-",
    "a\tb": b"a&AAk-b",
    "&&": b"&-&-",
    "\xfc&\xfc": b"&APw-&-&APw-",
}
BROKEN = (
    b"&",
    b"a&b",
    b"&AGE-",  # ASCII
    b"&APx-",  # bits left over
    b"&APw",
    b"&AP-",
    b"&2D0-",  # half a surrogate pair
    b"&A/w-",
    b"&APw=-",
    b"&APw-&APw-",  # in one run that is one
    b"\xff",
    b"a\n",
)


class Utf7Tests(SynchronousTestCase):
    def test_names(self) -> None:
        for text, name in NAMES.items():
            self.assertEqual(encode_utf7(text), name)
            self.assertEqual(decode_utf7(name), text)

    def test_broken(self) -> None:
        for name in BROKEN:
            self.assertRaises(ValueError, decode_utf7, name)

    @given(st.text(st.characters(blacklist_categories=["Cs"])))
    def test_any_text(self, text: str) -> None:
        self.assertEqual(decode_utf7(encode_utf7(text)), text)

    @given(st.binary() | st.text("&-,+/AGw ").map(str.encode))
    def test_any_octets(self, name: bytes) -> None:
        try:
            text = decode_utf7(name)
        except ValueError:
            return
        self.assertEqual(encode_utf7(text), name)

    def test_examples(self) -> None:
        self.assertEqual(doctest.testmod(utf7).failed, 0)

"""Modified UTF-7."""

from __future__ import annotations

import doctest

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar import utf7
from mailhost.imap.grammar.utf7 import decode_utf7, encode_utf7

NAMES = (
    ("INBOX", b"INBOX"),
    ("", b""),
    ("&", b"&-"),
    ("Q&A", b"Q&-A"),
    ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501 §5.1.3
    ("Entwürfe", b"Entw&APw-rfe"),
    ("Отправленные", b"&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-"),
    ("😀", b"&2D3eAA-"),
    ("a\tb", b"a&AAk-b"),
)


class Utf7Tests(SynchronousTestCase):
    def test_names(self) -> None:
        for text, encoded in NAMES:
            self.assertEqual(encoded, encode_utf7(text))
            self.assertEqual(text, decode_utf7(encoded))

    def test_forbidden_forms(self) -> None:
        """Each name has one form: else two names would mean one mailbox."""
        for name in (
            b"&", b"&&", b"a&b", b"&AGE-", b"&U,BTFw-&ZeVnLIqe-", b"&Jjo!", b"&AA-", b"&2D3-",
            b"&2AA-", b"&3gA-", b"\xfc", b"a\tb", b"&AP//-", b"&ACY-", b"&APx-", b"&A-",
        ):  # fmt: skip
            self.assertRaises(ValueError, decode_utf7, name)

    @given(st.text(st.characters(exclude_categories=["Cs"])))
    def test_a_name_is_read_as_it_was(self, text: str) -> None:
        encoded = encode_utf7(text)
        self.assertTrue(all(0x20 <= octet < 0x7F for octet in encoded))
        self.assertEqual(text, decode_utf7(encoded))

    @given(st.binary())
    def test_any_octets(self, name: bytes) -> None:
        try:
            text = decode_utf7(name)
        except ValueError:
            return
        self.assertEqual(name, encode_utf7(text))

    def test_examples(self) -> None:
        self.assertEqual(0, doctest.testmod(utf7).failed)

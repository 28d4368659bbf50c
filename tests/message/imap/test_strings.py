"""Strings in replies: never a quote, backslash, CR, LF or NUL that a client reads otherwise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.imap.strings import nstring, string, text_of, unfolded, without_nul
from tests.message.imap import replies


class StringTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for octets, written in (
            (b"", b'""'),
            (b"a b", b'"a b"'),
            (b'a "b" \\c', b'"a \\"b\\" \\\\c"'),
            (b"a\rb\nc", b"{5}\r\na\rb\nc"),
            (b"\xc3\xb6", b"{2}\r\n\xc3\xb6"),
            (b"x" * 2000, b"{2000}\r\n" + b"x" * 2000),
        ):
            self.assertEqual(string(octets), written)
        self.assertEqual(nstring(None), b"NIL")

    def test_utf8_is_quoted_for_those_who_read_it(self) -> None:
        self.assertEqual(string("ö\\".encode(), utf8=True), '"ö\\\\"'.encode())
        self.assertEqual(string(b"\xff", utf8=True), b"{1}\r\n\xff")

    @given(st.binary(max_size=40), st.booleans())
    def test_what_is_written_is_read(self, octets: bytes, utf8: bool) -> None:
        octets = octets.replace(b"\0", b"")
        self.assertEqual(replies.read(string(octets, utf8), utf8=utf8), octets)

    def test_unfolded(self) -> None:
        for value, expected in (
            (b" a\r\n b\r\n\tc ", b"a b c"),
            (b" a\n\n  b", b"a b"),
            (b" a  b", b"a  b"),
            (b" a\0b\rc", b"a b c"),
            (b" \t", b""),
        ):
            self.assertEqual(unfolded(value), expected)

    def test_octets_without_a_charset(self) -> None:
        self.assertEqual((text_of("ö".encode()), text_of(b"\xf6")), ("ö", "ö"))

    def test_a_literal_has_no_nul(self) -> None:
        self.assertEqual(without_nul(b"a\0b\0"), b"a\x80b\x80")

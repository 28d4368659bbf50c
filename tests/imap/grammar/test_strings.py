"""Strings as the client can read them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.cursor import Cursor
from mailhost.imap.grammar.reader import Literal, Part
from mailhost.imap.grammar.strings import (
    astring,
    literal_header,
    mailbox,
    nstring,
    string,
)


def parts_of(text: bytes) -> tuple[Part, ...]:
    """Return a written string as the parts of a command."""
    if text[:1] != b"{":
        return (text,)
    size, _, data = text[1:].partition(b"}\r\n")
    return (b"", Literal(int(size), False, data), b"")


class StringTests(SynchronousTestCase):
    def test_strings(self) -> None:
        for data, text in (
            (b"", b'""'),
            (b"a b", b'"a b"'),
            (rb'<"a\b"@x>', rb'"<\"a\\b\"@x>"'),
            (b"a\r\nb", b"{4}\r\na\r\nb"),
            (b"a\tb", b"{3}\r\na\tb"),
            ("ü".encode(), b"{2}\r\n\xc3\xbc"),
            (b"\xff", b"{1}\r\n\xff"),
            (b"a\0b", b"{2}\r\nab"),
        ):
            self.assertEqual(text, string(data))

    def test_utf8(self) -> None:
        self.assertEqual('"ü"'.encode(), string("ü".encode(), utf8=True))
        self.assertEqual(rb'"\"' + "ü".encode() + b'"', string('"ü'.encode(), utf8=True))
        self.assertEqual(b"{1}\r\n\xff", string(b"\xff", utf8=True))

    def test_nstrings_and_astrings(self) -> None:
        self.assertEqual(b"NIL", nstring(None))
        self.assertEqual(b'"NIL"', nstring(b"NIL"))
        for data, text in ((b"a.b", b"a.b"), (b"", b'""'), (b"nil", b'"nil"'), (b"a b", b'"a b"'),
                           (b"a]", b'"a]"'), (b"%", b'"%"')):  # fmt: skip
            self.assertEqual(text, astring(data))

    def test_literals_with_nul(self) -> None:
        self.assertEqual(b"{5}\r\n", literal_header(5))
        self.assertEqual(b"~{5}\r\n", literal_header(5, binary=True))

    def test_mailboxes(self) -> None:
        for name, rev1, utf8 in (
            ("INBOX", b"INBOX", b"INBOX"),
            ("a b", b'"a b"', b'"a b"'),
            ("", b'""', b'""'),
            ("Entwürfe", b"Entw&APw-rfe", '"Entwürfe"'.encode()),
            ("Q&A", b"Q&-A", b"Q&A"),
            ("%*", b'"%*"', b'"%*"'),
            ('a"b', b'"a\\"b"', b'"a\\"b"'),
        ):
            self.assertEqual(rev1, mailbox(name))
            self.assertEqual(utf8, mailbox(name, utf8=True))

    @given(st.binary().map(lambda data: data.replace(b"\0", b"")), st.booleans())
    def test_a_string_is_read_as_it_was(self, data: bytes, utf8: bool) -> None:
        for text in (string(data, utf8=utf8), astring(data, utf8=utf8)):
            self.assertEqual(data, Cursor(parts_of(text)).astring())

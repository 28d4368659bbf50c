"""Tokens: atoms, strings, numbers, lists, and what is said of others."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.cursor import DEEPEST, BadSyntax, Cursor
from mailhost.imap.grammar.reader import Literal
from mailhost.imap.grammar.strings import quoted
from tests.imap.grammar.reading import cursor, fault


class StringTests(SynchronousTestCase):
    def test_strings(self) -> None:
        for text, value in (
            (b'""', b""),
            (b'"a b"', b"a b"),
            (rb'"a \"b\" \\c"', rb'a "b" \c'),
            ('"ü"'.encode(), "ü".encode()),
            (b'"]) {3}"', b"]) {3}"),
        ):
            here = cursor(text)
            self.assertEqual(value, here.string())
            self.assertTrue(here.at_end())

    def test_no_strings(self) -> None:
        for text in (
            b'"',
            b'"a',
            rb'"a\"',
            rb'"a\b"',
            b'"a\r"',
            b'"\0"',
            b"a",
            b"",
            b"(a)",
            b"{1}",
        ):
            self.assertRaises(BadSyntax, cursor(text).string)

    @given(st.binary().map(lambda data: bytes(octet for octet in data if octet not in b"\r\n\0")))
    def test_a_quoted_string_is_read_as_it_was(self, data: bytes) -> None:
        self.assertEqual(data, cursor(quoted(data)).string())

    def test_literals(self) -> None:
        here = Cursor((b"", Literal(4, False, b"a\r\nb"), b" c"))
        self.assertEqual(b"a\r\nb", here.string())
        here.space()
        self.assertEqual(b"c", here.atom())
        here.end()

    def test_no_literal8_and_no_nul_where_text_is_wanted(self) -> None:
        for literal in (Literal(1, True, b"a"), Literal(1, False, b"\0")):
            self.assertRaises(BadSyntax, Cursor((b"", literal, b"")).string)

    def test_a_literal_that_was_streamed_is_no_argument(self) -> None:
        self.assertRaises(BadSyntax, Cursor((b"", Literal(1), b"")).string)

    def test_astrings_and_atoms(self) -> None:
        self.assertEqual(b"a]b", cursor(b"a]b c").astring())
        self.assertEqual(b"a", cursor(b"a]b").atom())
        self.assertEqual(b"a+b", cursor(b"a+b").atom())
        for octet in b'(){ %*"\\\x7f\x1f\xff':
            self.assertRaises(BadSyntax, cursor(bytes([octet])).atom)

    def test_nstrings(self) -> None:
        self.assertIsNone(cursor(b"nil").nstring())
        self.assertEqual(b"NIL", cursor(b'"NIL"').nstring())
        self.assertRaises(BadSyntax, cursor(b"NILS").nstring)

    def test_base64(self) -> None:
        self.assertEqual(b"=", cursor(b"=").base64())
        self.assertEqual(b"AGE+/w==", cursor(b"AGE+/w==").base64())
        self.assertRaises(BadSyntax, cursor(b"*").base64)


class NumberTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        self.assertEqual(2**32 - 1, cursor(b"4294967295").number())
        self.assertEqual(2**63 - 1, cursor(b"9223372036854775807").number64())
        self.assertEqual(7, cursor(b"007").number())
        for text in (b"4294967296", b"-1", b"", b"x", b"9" * 30):
            self.assertRaises(BadSyntax, cursor(text).number)
        self.assertRaises(BadSyntax, cursor(b"9223372036854775808").number64)

    def test_numbers_above_0(self) -> None:
        self.assertEqual(1, cursor(b"1").nz_number())
        self.assertRaises(BadSyntax, cursor(b"0").nz_number)


class ListTests(SynchronousTestCase):
    def test_lists(self) -> None:
        for text in (b"(a b)", b"(a b )"):
            self.assertEqual((b"a", b"b"), cursor(text).listed(Cursor.atom))
        self.assertEqual((), cursor(b"()").listed_or_empty(Cursor.atom))
        for text in (b"(a", b"a)", b"()", b"( a)", b"(a  b)", b""):
            self.assertRaises(BadSyntax, cursor(text).listed, Cursor.atom)

    def test_depth(self) -> None:
        here = cursor(b"")
        for _ in range(DEEPEST):
            here.deeper()
        self.assertRaises(BadSyntax, here.deeper)


class FaultTests(SynchronousTestCase):
    def test_the_place(self) -> None:
        for text, said in (
            (b"STATUS INBOX (FOO)", "Expected a status item, found 'FOO)' at octet 18"),
            (b"STATUS {5}\r\nINBOX (FOO)", "Expected a status item, found 'FOO)' at octet 18"),
            (b"STATUS INBOX", "Expected a space, found the end of the command"),
            (b"COPY 1 \xff\0", "Expected a mailbox name, found '??' at octet 11"),
            (b"CREATE a {1}\r\nb", "Expected '(', found a literal"),
        ):
            self.assertEqual(said, fault(text))

    def test_no_password_is_quoted(self) -> None:
        self.assertEqual("Expected a password, found something else", fault(b'LOGIN ann "secret'))

    @given(st.binary(max_size=40))
    def test_each_fault_can_be_sent(self, data: bytes) -> None:
        text = str(cursor(data).expected("x"))
        self.assertTrue(text.isascii() and text.isprintable())

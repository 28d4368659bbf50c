"""The table of commands, and any octets as a command."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands_session import Noop
from mailhost.imap.grammar.cursor import BadSyntax, Mode
from mailhost.imap.grammar.reader import Literal
from mailhost.imap.grammar.table import READERS, UnknownCommand, is_done, read_command
from tests.imap.grammar.reading import REV2, UTF8, fault, parsed, tagged

PIECES = [
    b" ", b"(", b")", b'"', b"\\", b"*", b"%", b"$", b"1:*", b"[", b"]", b"<0.5>", b"{", b"}",
    b"\0", b"\xff", b"USE", b"CHARSET", b"&",
    b"INBOX", b'"a b"', b"\\Seen", b"FLAGS", b"BODY", b"BODY.PEEK[1.MIME]", b"NOT", b"OR",
    b"UTF-8", b"RETURN", b"STATUS", b"(MESSAGES)", b"SET", b"selected", b"(MessageNew)", b"&-",
    b"QRESYNC", b"UNCHANGEDSINCE", b"+FLAGS", b"1-Feb-1994", b"99999999999", b"NIL",
]  # fmt: skip


class TableTests(SynchronousTestCase):
    def test_tags(self) -> None:
        for tag in (b"a1", b"1", b"A]B", b"a.b-c_d/e", b"[", b"~"):
            found = tagged(tag + b" NOOP\r\n")
            self.assertEqual((tag, Noop()), (found.tag, found.command))

    def test_no_tags(self) -> None:
        for line in (b"", b" NOOP", b"+ NOOP", b"a+b NOOP", b"* OK", b'"a" NOOP', b"a\xff NOOP"):
            error = self.assertRaises(BadSyntax, read_command, (line,))
            self.assertEqual(b"*", error.tag)

    def test_no_names(self) -> None:
        for line in (b"a", b"a ", b"a 5", b"a (", b"a  NOOP", b"a NOOP\0", b"a {3}"):
            error = self.assertRaises(BadSyntax, read_command, (line,))
            self.assertEqual(b"a", error.tag)

    def test_unknown_commands(self) -> None:
        for text in (b"FOO", b"XLIST a b", b"UID FOO 1", b"a" * 1000):
            self.assertRaises(UnknownCommand, parsed, text)
            self.assertLess(len(fault(text)), 80)

    def test_each_command_is_in_capitals(self) -> None:
        for name in READERS:
            self.assertEqual(name.upper(), name)

    def test_done(self) -> None:
        for line in (b"DONE", b"done", b"Done "):
            self.assertTrue(is_done((line,)))
        for line in (b"a DONE", b"", b"a1 NOOP"):
            self.assertFalse(is_done((line,)))
        self.assertFalse(is_done((b"DONE", Literal(0, False, b""), b"")))

    @given(
        st.sampled_from(sorted(READERS)),
        st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=12),
        st.sampled_from([REV2, UTF8]),
    )
    def test_any_arguments(self, name: bytes, pieces: list[bytes], mode: Mode) -> None:
        text = b"a " + name + b" " + b"".join(pieces)
        try:
            read_command((text,), mode)
        except BadSyntax as error:
            self.assertEqual(b"a", error.tag)
            self.assertTrue(str(error).isascii() and str(error).isprintable())

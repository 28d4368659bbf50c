"""APPEND: whole, and up to a message that is announced."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands_mailbox import Append, AppendMessage
from mailhost.imap.grammar.cursor import BadSyntax
from mailhost.imap.grammar.reader import Literal
from mailhost.imap.grammar.table import read_announced
from tests.imap.grammar.reading import UTF8, fault, parsed

COMMANDS = (
    (b"APPEND INBOX {3}\r\nabc", Append("INBOX", (AppendMessage(3),))),
    (b"APPEND inbox {3+}\r\nabc", Append("INBOX", (AppendMessage(3),))),
    (b"APPEND a {0}\r\n", Append("a", (AppendMessage(0),))),
    (b"APPEND {5}\r\nINBOX {3}\r\nabc", Append("INBOX", (AppendMessage(3),))),
    (b"APPEND a (\\Seen $x) {1}\r\na", Append("a", (AppendMessage(1, ("\\Seen", "$x")),))),
    (b"APPEND a () {1}\r\na", Append("a", (AppendMessage(1),))),
    (
        b'APPEND a "25-Mar-1994 22:25:00 -0800" {1}\r\na',
        Append("a", (AppendMessage(1, date=764663100),)),
    ),
    (b"APPEND a ~{2+}\r\n\0\0", Append("a", (AppendMessage(2, binary=True),))),
    # Thunderbird, for each message that it sends
    (
        b"APPEND Sent (\\Seen) UTF8 (~{5+}\r\na\r\nb\r)",
        Append("Sent", (AppendMessage(5, ("\\Seen",), None, True, True),)),
    ),
    (
        b'APPEND a (\\Seen) {1}\r\na (\\Draft) " 1-Jan-1970 00:00:00 +0000" {2}\r\n'
        b"bb UTF8 (~{1}\r\nc)",
        Append(
            "a",
            (
                AppendMessage(1, ("\\Seen",)),
                AppendMessage(2, ("\\Draft",), 0),
                AppendMessage(1, utf8=True, binary=True),
            ),
        ),
    ),
)


class AppendTests(SynchronousTestCase):
    def test_commands(self) -> None:
        for text, command in COMMANDS:
            self.assertEqual(command, parsed(text), text)

    def test_a_large_message_is_no_matter_of_limits(self) -> None:
        found = parsed(b"APPEND a {1000000}\r\n" + bytes(1000000))
        self.assertEqual(Append("a", (AppendMessage(1000000),)), found)

    def test_no_commands(self) -> None:
        for text in (
            b"APPEND", b"APPEND a", b"APPEND a abc", b'APPEND a "abc"', b"APPEND a {1}\r\na b",
            b"APPEND a {1}\r\na)", b"APPEND a UTF8 {1}\r\na", b"APPEND a UTF8 (~{1}\r\na",
            b"APPEND a (\\Recent) {1}\r\na", b'APPEND a "1-Jan-1970" {1}\r\na',
            b"APPEND a CATENATE (TEXT {1}\r\na)", b"APPEND a\\ {1}\r\na",
        ):  # fmt: skip
            self.assertRaises((BadSyntax), parsed, text)
        fault(b"APPEND a")


class AnnouncedTests(SynchronousTestCase):
    def test_each_message_is_read_when_it_is_announced(self) -> None:
        one, two = Literal(5), Literal(6, True)
        found = read_announced((b"a APPEND x (\\Seen) ", one))
        assert found is not None
        self.assertEqual(Append("x", (AppendMessage(5, ("\\Seen",)),)), found.command)
        self.assertEqual(b"a", found.tag)
        found = read_announced((b"a append x (\\Seen) ", one, b" UTF8 (", two))
        assert found is not None
        self.assertEqual(Append("x", (AppendMessage(6, (), None, True, True),)), found.command)
        wrapped = (b"a APPEND ", Literal(1, False, b"x"), b" UTF8 (", one, b") (\\Seen) ", one)
        found = read_announced(wrapped)
        assert found is not None
        self.assertEqual(Append("x", (AppendMessage(5, ("\\Seen",)),)), found.command)

    def test_arguments(self) -> None:
        """The session holds them."""
        for parts in (
            (b"a APPEND ", Literal(5)),
            (b"a LOGIN ", Literal(5)),
            (b"APPEND x ", Literal(5)),
            (b"", Literal(5)),
        ):
            self.assertIsNone(read_announced(parts))

    def test_faults_are_found_before_the_message_comes(self) -> None:
        for parts in (
            (b"a APPEND x (\\Foo) ", Literal(5)),
            (b"a APPEND x ", Literal(5), b"x", Literal(6)),
            (b"a APPEND x y ", Literal(5)),
            (b"a APPEND x (", Literal(5)),
            (b"a APPEND x UTF8 (", Literal(5), b" ", Literal(6)),
            (b"a APPEND x ", Literal(5), b") ", Literal(6)),
        ):
            error = self.assertRaises(BadSyntax, read_announced, parts)
            self.assertEqual(b"a", error.tag)

    def test_the_mailbox_has_the_encoding_that_was_enabled(self) -> None:
        found = read_announced(('a APPEND "ü" '.encode(), Literal(5)), UTF8)
        assert found is not None
        self.assertEqual(Append("ü", (AppendMessage(5),)), found.command)

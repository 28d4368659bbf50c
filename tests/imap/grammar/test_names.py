"""Mailbox names, patterns, flags."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.cursor import REV1, BadMailboxName, BadSyntax, Cursor
from mailhost.imap.grammar.names import (
    read_flag,
    read_flags,
    read_mailbox,
    read_pattern,
    read_special_use,
)
from mailhost.imap.grammar.reader import Literal
from mailhost.imap.grammar.strings import mailbox
from tests.imap.grammar.reading import REV2, UTF8, cursor


class MailboxTests(SynchronousTestCase):
    def test_inbox_in_any_case(self) -> None:
        for text in (b"INBOX", b"inbox", b'"InBox"'):
            self.assertEqual("INBOX", read_mailbox(cursor(text)))
        self.assertEqual("INBOXES", read_mailbox(cursor(b"INBOXES")))
        self.assertEqual("INBOX", read_mailbox(Cursor((b"", Literal(5, False, b"inBOX"), b""))))

    def test_modified_utf7(self) -> None:
        self.assertEqual("Entwürfe", read_mailbox(cursor(b"Entw&APw-rfe")))
        for text in (b"a&b", '"ü"'.encode()):
            self.assertRaises(BadMailboxName, read_mailbox, cursor(text))

    def test_utf8(self) -> None:
        for mode in (UTF8, REV2):
            self.assertEqual("Entwürfe", read_mailbox(cursor('"Entwürfe"'.encode(), mode)))
            self.assertEqual("Entw&APw-rfe", read_mailbox(cursor(b"Entw&APw-rfe", mode)))
            self.assertRaises(BadMailboxName, read_mailbox, cursor(b'"\xfc"', mode))

    def test_a_long_name(self) -> None:
        self.assertRaises(BadMailboxName, read_mailbox, cursor(b"x" * 1025))

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60))
    def test_a_name_is_read_as_it_was_written(self, name: str) -> None:
        if name.upper() == "INBOX":
            return
        for mode in (REV1, UTF8):
            text = mailbox(name, utf8=mode.utf8)
            head, line, rest = text.partition(b"\r\n")
            parts = (b"", Literal(len(rest), False, rest), b"") if line else (head,)
            self.assertEqual(name, read_mailbox(Cursor(parts, mode)))


class PatternTests(SynchronousTestCase):
    def test_patterns(self) -> None:
        for text, pattern in ((b"%", "%"), (b'"*"', "*"), (b"a/%]", "a/%]"), (b"inbox", "INBOX"),
                              (b"&APw-*", "ü*"), (b'""', "")):  # fmt: skip
            here = cursor(text)
            self.assertEqual(pattern, read_pattern(here))
            self.assertTrue(here.at_end())
        self.assertRaises(BadSyntax, read_pattern, cursor(b"("))


class FlagTests(SynchronousTestCase):
    def test_flags(self) -> None:
        for text, flag in ((b"\\seen", "\\Seen"), (b"\\DELETED", "\\Deleted"), (b"$Junk", "$Junk"),
                           (b"nonjunk", "nonjunk")):  # fmt: skip
            self.assertEqual(flag, read_flag(cursor(text)))

    def test_no_flags(self) -> None:
        for text in (b"\\Recent", b"\\*", b"\\Foo", b"", b"(", b"\\", b'"a"', b"x" * 256):
            self.assertRaises(BadSyntax, read_flag, cursor(text))

    def test_lists(self) -> None:
        self.assertEqual((), read_flags(cursor(b"()")))
        self.assertEqual(("\\Seen", "a"), read_flags(cursor(b"(\\Seen a \\SEEN)")))

    def test_special_uses(self) -> None:
        self.assertEqual("\\Sent", read_special_use(cursor(b"\\SENT")))
        self.assertEqual("\\Foo", read_special_use(cursor(b"\\Foo")))

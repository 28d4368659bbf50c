"""Search keys."""

from __future__ import annotations

from datetime import date

from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.grammar.commands_message import Search
from mailhost.imap.grammar.cursor import DEEPEST, REV1, BadCharset, Mode
from mailhost.imap.grammar.search_keys import (
    All,
    And,
    ChangedFrom,
    Dated,
    DateOf,
    HasEmailId,
    HasFlag,
    HasThreadId,
    Larger,
    Not,
    Numbered,
    Older,
    Or,
    SaveDateSupported,
    SearchKey,
    Smaller,
    WithUid,
    Younger,
)
from mailhost.imap.grammar.sequence_set import SAVED, STAR, SequenceSet
from mailhost.message.imap.content_keys import FieldContains, TextContains, When
from tests.imap.grammar.reading import REV2, UTF8, fault, parsed

DAY = date(1994, 2, 1)
SEEN, RECENT = HasFlag("\\Seen"), HasFlag("\\Recent")
KEYS: tuple[tuple[bytes, SearchKey], ...] = (
    (b"ALL", All()),
    (b"answered", HasFlag("\\Answered")),
    (b"BCC a", FieldContains("Bcc", "a")),
    (b"BEFORE 1-Feb-1994", Dated(DateOf.ARRIVED, When.BEFORE, DAY)),
    (b'BODY "a b"', TextContains("a b", False)),
    (b"CC a", FieldContains("Cc", "a")),
    (b"DELETED", HasFlag("\\Deleted")),
    (b"DRAFT", HasFlag("\\Draft")),
    (b"FLAGGED", HasFlag("\\Flagged")),
    (b"FROM a", FieldContains("From", "a")),
    (b'HEADER Message-ID ""', FieldContains("Message-ID", "")),
    (b"KEYWORD $Junk", HasFlag("$Junk")),
    (b"LARGER 1000", Larger(1000)),
    (b"NEW", And((RECENT, Not(SEEN)))),
    (b"NOT SEEN", Not(SEEN)),
    (b"OLD", Not(RECENT)),
    (b"ON 1-Feb-1994", Dated(DateOf.ARRIVED, When.ON, DAY)),
    (b"OR SEEN NOT (DELETED DRAFT)",
     Or(SEEN, Not(And((HasFlag("\\Deleted"), HasFlag("\\Draft")))))),
    (b"RECENT", RECENT),
    (b"SEEN", SEEN),
    (b"SENTBEFORE 1-Feb-1994", Dated(DateOf.SENT, When.BEFORE, DAY)),
    (b"SENTON 1-Feb-1994", Dated(DateOf.SENT, When.ON, DAY)),
    (b"SENTSINCE 1-Feb-1994", Dated(DateOf.SENT, When.SINCE, DAY)),
    (b'SINCE "1-Feb-1994"', Dated(DateOf.ARRIVED, When.SINCE, DAY)),
    (b"SMALLER 1000", Smaller(1000)),
    (b"SUBJECT {3}\r\na b", FieldContains("Subject", "a b")),
    (b"TEXT a", TextContains("a", True)),
    (b"TO a", FieldContains("To", "a")),
    (b"UID 1:*,5", WithUid(SequenceSet.of((1, STAR), 5))),
    (b"UID $", WithUid(SAVED)),
    (b"UNANSWERED", Not(HasFlag("\\Answered"))),
    (b"UNDELETED", Not(HasFlag("\\Deleted"))),
    (b"UNDRAFT", Not(HasFlag("\\Draft"))),
    (b"UNFLAGGED", Not(HasFlag("\\Flagged"))),
    (b"UNKEYWORD a", Not(HasFlag("a"))),
    (b"UNSEEN", Not(SEEN)),
    (b"9:3", Numbered(SequenceSet.of((3, 9)))),
    (b"*", Numbered(SequenceSet.of(STAR))),
    (b"$", Numbered(SAVED)),
    (b"(((SEEN)))", SEEN),
    (b"OLDER 3600", Older(3600)),  # RFC 5032
    (b"YOUNGER 60", Younger(60)),
    (b"MODSEQ 0", ChangedFrom(0)),  # RFC 7162
    (b'MODSEQ "/flags/\\\\draft" all 620162338', ChangedFrom(620162338)),
    (b'MODSEQ "/flags/$Junk" priv 5', ChangedFrom(5)),
    (b"EMAILID M1_x-2", HasEmailId("M1_x-2")),  # RFC 8474
    (b"THREADID T1", HasThreadId("T1")),
    (b"SAVEDBEFORE 1-Feb-1994", Dated(DateOf.SAVED, When.BEFORE, DAY)),  # RFC 8514
    (b"SAVEDON 1-Feb-1994", Dated(DateOf.SAVED, When.ON, DAY)),
    (b"SAVEDSINCE 1-Feb-1994", Dated(DateOf.SAVED, When.SINCE, DAY)),
    (b"SAVEDATESUPPORTED", SaveDateSupported()),
)  # fmt: skip


def key_of(text: bytes, mode: Mode = REV1) -> SearchKey:
    """Return the key of SEARCH with this text."""
    found = parsed(b"SEARCH " + text, mode)
    assert isinstance(found, Search)
    return found.key


class KeyTests(SynchronousTestCase):
    def test_keys(self) -> None:
        for text, key in KEYS:
            self.assertEqual(key, key_of(text), text)

    def test_all_together(self) -> None:
        text = b" ".join(text for text, _ in KEYS)
        self.assertEqual(And(tuple(key for _, key in KEYS)), key_of(text))

    def test_nesting(self) -> None:
        key_of(b"NOT " * DEEPEST + b"SEEN")
        for text in (b"NOT ", b"OR SEEN ", b"("):
            self.assertIn("More than", fault(b"SEARCH " + text * (DEEPEST + 1) + b"SEEN"))

    def test_siblings_are_no_nesting(self) -> None:
        key_of(b" ".join([b"NOT SEEN", b"(DELETED)", b"OR SEEN SEEN"] * 100))

    def test_no_keys(self) -> None:
        for text in (
            b"", b"FOO", b"NOT", b"NOT ", b"OR SEEN", b"()", b"(SEEN", b"SEEN)", b"FROM",
            b"SINCE yesterday", b"LARGER x", b"KEYWORD \\Seen", b"UID 0", b"OLDER 0", b"FUZZY SEEN",
            b"MODSEQ", b'MODSEQ "/foo/x" all 1', b'MODSEQ "/flags/\\\\Seen" foo 1', b"EMAILID a.b",
            b"EMAILID " + b"a" * 256, b"SEEN  SEEN", b"HEADER Subject",
            b'MODSEQ "/flags/a b" all 1',
        ):  # fmt: skip
            fault(b"SEARCH " + text)


class CharsetTests(SynchronousTestCase):
    def test_charsets(self) -> None:
        for charset, text in (
            (b"UTF-8", "ü".encode()),
            (b"utf-8", "ü".encode()),
            (b'"ISO-8859-1"', b"\xfc"),
            (b"US-ASCII", b"u"),
            (b"KOI8-R", "Привет".encode("koi8-r")),
        ):
            key = key_of(b"CHARSET %b SUBJECT {%d}\r\n%b" % (charset, len(text), text))
            self.assertIn(key, [FieldContains("Subject", word) for word in ("ü", "u", "Привет")])

    def test_utf8_needs_no_charset(self) -> None:
        text = 'SUBJECT "Grüße"'.encode()
        for mode in (REV1, REV2, UTF8):
            self.assertEqual(FieldContains("Subject", "Grüße"), key_of(text, mode))

    def test_unknown_charsets(self) -> None:
        """They are answered NO [BADCHARSET]."""
        for charset in (b"x-foo", b"zlib", b"hex", b'""'):
            self.assertRaises(BadCharset, key_of, b"CHARSET %b ALL" % charset)

    def test_text_that_is_not_in_the_charset(self) -> None:
        for text in (b'TEXT "\xff"', b'CHARSET US-ASCII TEXT "\xfc"', b"SUBJECT {1}\r\n\xff"):
            self.assertRaises(BadCharset, key_of, text)

    def test_no_charset_with_utf8_accept(self) -> None:
        """RFC 6855 §3. IMAP4rev2 by itself has CHARSET."""
        self.assertIn("No CHARSET", fault(b"SEARCH CHARSET UTF-8 ALL", UTF8))
        self.assertEqual(All(), key_of(b"CHARSET UTF-8 ALL", REV2))
        self.assertIn("UTF-8", fault(b"SORT (DATE) ISO-8859-1 ALL", UTF8))
        parsed(b"SORT (DATE) UTF-8 ALL", UTF8)

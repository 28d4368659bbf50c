"""Reads search keys (RFC 9051 §6.4.4, and the keys of RFC 5032, 7162, 8474 and 8514)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mailhost.imap.grammar.cursor import LARGEST_NUMBER64, BadCharset, BadSyntax, Cursor
from mailhost.imap.grammar.dates import read_date
from mailhost.imap.grammar.names import read_flag, read_keyword
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
from mailhost.imap.grammar.sequence_set import read_set, starts_set
from mailhost.message.imap.content_keys import FieldContains, TextContains, When
from mailhost.message.mime.encoded_words import codec_of

_WHAT = "a search key"
# objectid = 1*255(ALPHA / DIGIT / "_" / "-") (RFC 8474 §7)
_OBJECT_ID = re.compile(rb"[A-Za-z0-9_-]{1,255}(?![A-Za-z0-9_-])")
# entry-type-req = "priv" / "shared" / "all";  entry-name = entry-flag-name (RFC 7162 §7)
_ENTRY_TYPES = {b"PRIV": "priv", b"SHARED": "shared", b"ALL": "all"}
_DEFAULT_CODEC = "utf-8"  # also in IMAP4rev1, where US-ASCII is the default: ASCII means the same


class SearchReader:
    """Reads the keys of one command, in the charset that it names."""

    __slots__ = ("codec", "cursor")

    def __init__(self, cursor: Cursor, codec: str = _DEFAULT_CODEC) -> None:
        self.cursor = cursor
        self.codec = codec

    def program(self) -> SearchKey:
        """search-key *(SP search-key). Raises BadSyntax."""
        return _all_of(self.cursor.spaced(self._key))

    def text(self) -> str:
        """An astring as Unicode. Raises BadSyntax."""
        text = self.cursor.astring()
        try:
            return text.decode(self.codec)
        except ValueError:
            raise BadCharset("The text is not in the charset of the command") from None

    def key(self) -> SearchKey:
        """One search key. Raises BadSyntax."""
        cursor = self.cursor
        if cursor.next_is(b"("):
            return _all_of(cursor.listed(self._key))
        if starts_set(cursor):
            return Numbered(read_set(cursor))
        found = cursor.choice(_ALL_KEYS, _WHAT)
        if not callable(found):
            return found
        cursor.space()
        return found(self)

    def _key(self, _: Cursor) -> SearchKey:
        return self.key()

    def nested(self) -> SearchKey:
        """A key within NOT or OR. Raises BadSyntax."""
        self.cursor.deeper()
        key = self.key()
        self.cursor.depth -= 1
        return key


def read_search(cursor: Cursor) -> SearchKey:
    """Read [charset SP] keys of SEARCH. Raises BadSyntax, BadCharset.

    search-program = ["CHARSET" SP charset SP] search-key *(SP search-key)
    """
    codec = _DEFAULT_CODEC
    if cursor.take_word(b"CHARSET"):
        if cursor.mode.utf8:
            raise BadSyntax("No CHARSET after ENABLE UTF8=ACCEPT: all text is UTF-8")
        cursor.space()
        codec = read_charset(cursor)
        cursor.space()
    return SearchReader(cursor, codec).program()


def read_charset(cursor: Cursor) -> str:
    """Read a charset; return Python's name for it. Raises BadSyntax, BadCharset.

    After ENABLE UTF8=ACCEPT all text is UTF-8 (RFC 6855 §3).
    """
    name = cursor.astring("a charset").decode("ascii", "replace")
    codec = codec_of(name)
    if cursor.mode.utf8 and codec != "utf_8":
        raise BadSyntax("The charset is UTF-8 after ENABLE UTF8=ACCEPT")
    if codec is None:
        raise BadCharset("The charset is not known; UTF-8 always is")
    return codec


def _all_of(keys: tuple[SearchKey, ...]) -> SearchKey:
    return keys[0] if len(keys) == 1 else And(keys)


# --- keys without arguments --------------------------------------------------------------------

_RECENT = HasFlag("\\Recent")
_SEEN = HasFlag("\\Seen")
_PLAIN: Mapping[bytes, SearchKey] = {
    b"ALL": All(),
    b"ANSWERED": HasFlag("\\Answered"),
    b"UNANSWERED": Not(HasFlag("\\Answered")),
    b"DELETED": HasFlag("\\Deleted"),
    b"UNDELETED": Not(HasFlag("\\Deleted")),
    b"DRAFT": HasFlag("\\Draft"),
    b"UNDRAFT": Not(HasFlag("\\Draft")),
    b"FLAGGED": HasFlag("\\Flagged"),
    b"UNFLAGGED": Not(HasFlag("\\Flagged")),
    b"SEEN": _SEEN,
    b"UNSEEN": Not(_SEEN),
    b"RECENT": _RECENT,  # RECENT, NEW and OLD are of RFC 3501 alone
    b"NEW": And((_RECENT, Not(_SEEN))),
    b"OLD": Not(_RECENT),
    b"SAVEDATESUPPORTED": SaveDateSupported(),
}

# --- keys with arguments: each is read from behind the space after its name ---------------------

_Read = Callable[[SearchReader], SearchKey]


def _field(name: str) -> _Read:
    return lambda reader: FieldContains(name, reader.text())


def _dated(of: DateOf, when: When) -> _Read:
    return lambda reader: Dated(of, when, read_date(reader.cursor))


def _header(reader: SearchReader) -> SearchKey:
    """ "HEADER" SP header-fld-name SP astring"""
    name = reader.cursor.astring("a field name").decode("ascii", "replace")
    reader.cursor.space()
    return FieldContains(name, reader.text())


def _size(kind: type[Larger | Smaller]) -> _Read:
    return lambda reader: kind(reader.cursor.number64("a size in octets"))


def _interval(kind: type[Older | Younger]) -> _Read:
    return lambda reader: kind(reader.cursor.nz_number("a number of seconds"))


def _keyword(reader: SearchReader) -> SearchKey:
    return HasFlag(read_keyword(reader.cursor))


def _or(reader: SearchReader) -> SearchKey:
    left = reader.nested()
    reader.cursor.space()
    return Or(left, reader.nested())


def _modseq(reader: SearchReader) -> SearchKey:
    """ "MODSEQ" [search-modseq-ext] SP mod-sequence-valzer (RFC 7162 §7)

    search-modseq-ext = SP entry-name SP entry-type-req;  entry-name = DQUOTE "/flags/" flag DQUOTE
    """
    cursor = reader.cursor
    if cursor.next_is(b'"'):
        name = cursor.string()
        if not name.lower().startswith(b"/flags/"):
            raise BadSyntax('MODSEQ has names of entries such as "/flags/\\\\Seen"')
        entry = Cursor((name[7:],))
        read_flag(entry)
        entry.end()
        cursor.space()
        cursor.choice(_ENTRY_TYPES, "priv, shared or all")
        cursor.space()
    return ChangedFrom(cursor.number("a MODSEQ", LARGEST_NUMBER64))


def _object_id(kind: type[HasEmailId | HasThreadId]) -> _Read:
    return lambda reader: kind(reader.cursor.token(_OBJECT_ID, "an object id").decode("ascii"))


_KEYS: Mapping[bytes, _Read] = {
    b"BCC": _field("Bcc"),
    b"CC": _field("Cc"),
    b"FROM": _field("From"),
    b"SUBJECT": _field("Subject"),
    b"TO": _field("To"),
    b"HEADER": _header,
    b"BODY": lambda reader: TextContains(reader.text(), headers=False),
    b"TEXT": lambda reader: TextContains(reader.text(), headers=True),
    b"BEFORE": _dated(DateOf.ARRIVED, When.BEFORE),
    b"ON": _dated(DateOf.ARRIVED, When.ON),
    b"SINCE": _dated(DateOf.ARRIVED, When.SINCE),
    b"SENTBEFORE": _dated(DateOf.SENT, When.BEFORE),
    b"SENTON": _dated(DateOf.SENT, When.ON),
    b"SENTSINCE": _dated(DateOf.SENT, When.SINCE),
    b"SAVEDBEFORE": _dated(DateOf.SAVED, When.BEFORE),
    b"SAVEDON": _dated(DateOf.SAVED, When.ON),
    b"SAVEDSINCE": _dated(DateOf.SAVED, When.SINCE),
    b"LARGER": _size(Larger),
    b"SMALLER": _size(Smaller),
    b"OLDER": _interval(Older),
    b"YOUNGER": _interval(Younger),
    b"KEYWORD": _keyword,
    b"UNKEYWORD": lambda reader: Not(_keyword(reader)),
    b"UID": lambda reader: WithUid(read_set(reader.cursor)),
    b"MODSEQ": _modseq,
    b"EMAILID": _object_id(HasEmailId),
    b"THREADID": _object_id(HasThreadId),
    b"NOT": lambda reader: Not(reader.nested()),
    b"OR": _or,
}
_ALL_KEYS: Mapping[bytes, SearchKey | _Read] = {**_PLAIN, **_KEYS}

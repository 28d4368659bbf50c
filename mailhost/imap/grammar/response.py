"""Writes the lines of a server: status, response codes, capabilities, and small answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from mailhost.imap.grammar.numbers import write_in_order, write_set
from mailhost.imap.grammar.strings import astring, mailbox, nstring, string
from mailhost.message.imap.strings import NIL

OK, NO, BAD, BYE, PREAUTH = b"OK", b"NO", b"BAD", b"BYE", b"PREAUTH"
UNTAGGED = b"*"

_UNPRINTABLE = re.compile(r"[^ -~]+")
_NO_TEXT = "Done"


# --- status responses and continuation requests ------------------------------------------------


def untagged(data: bytes) -> bytes:
    """Return a line of data, without a tag."""
    return b"* %b\r\n" % data


def continuation(text: bytes = b"") -> bytes:
    """Return a continuation request; the space is there also where the text is empty."""
    return b"+ %b\r\n" % text


def status(tag: bytes, kind: bytes, text: str, code: bytes = b"") -> bytes:
    """Return a status response. `tag` may be UNTAGGED; `code` has no brackets.

    Characters of the text that are not printable ASCII become `?`. Text is never empty: clients
    trip over that behind a code.

    resp-text = ["[" resp-text-code "]" SP] [text]
    """
    shown = _UNPRINTABLE.sub("?", text) or _NO_TEXT
    if not code:
        if shown.startswith("["):  # it would look like a code
            shown = f" {shown}"
        return b"%b %b %b\r\n" % (tag, kind, shown.encode("ascii"))
    return b"%b %b [%b] %b\r\n" % (tag, kind, code, shown.encode("ascii"))


# --- response codes ----------------------------------------------------------------------------


def number_code(name: bytes, number: int) -> bytes:
    """Return such as `UIDNEXT 5`."""
    return b"%b %d" % (name, number)


def permanent_flags(flags: Iterable[str], *, keywords: bool) -> bytes:
    """Return PERMANENTFLAGS; with `keywords` the client may make new ones."""
    return b"PERMANENTFLAGS " + flag_list([*flags, *(["\\*"] if keywords else [])])


def append_uid(uid_validity: int, uids: Sequence[int]) -> bytes:
    """Return APPENDUID (RFC 4315 §3) of one message or more, in their order."""
    return b"APPENDUID %d %b" % (uid_validity, write_in_order(uids))


def copy_uid(uid_validity: int, sources: Sequence[int], copies: Sequence[int]) -> bytes:
    """Return COPYUID (RFC 4315 §3). `uid_validity` is the target's; `sources[n]` has become
    `copies[n]`."""
    return b"COPYUID %d %b %b" % (uid_validity, write_in_order(sources), write_in_order(copies))


def modified(numbers: Sequence[int]) -> bytes:
    """Return MODIFIED with numbers or UIDs that rise (RFC 7162 §3.1.3)."""
    return b"MODIFIED " + write_set(numbers)


def mailbox_id(identifier: str) -> bytes:
    """Return MAILBOXID (RFC 8474 §4)."""
    return b"MAILBOXID (%b)" % identifier.encode("ascii")


def bad_charset(charsets: Iterable[str] = ("UTF-8", "US-ASCII")) -> bytes:
    """Return BADCHARSET with charsets that are known."""
    return b"BADCHARSET (%b)" % b" ".join(astring(name.encode()) for name in charsets)


def bad_event(events: Iterable[str]) -> bytes:
    """Return BADEVENT with events that are known (RFC 5465 §5)."""
    return b"BADEVENT (%b)" % " ".join(events).encode("ascii")


def in_progress(tag: bytes, done: int | None = None, goal: int | None = None) -> bytes:
    """Return INPROGRESS (RFC 9585 §4)."""
    count = NIL if done is None else b"%d" % done
    total = NIL if goal is None else b"%d" % goal
    return b"INPROGRESS (%b %b %b)" % (string(tag), count, total)


# --- flags, capabilities, ID -------------------------------------------------------------------


def flag_list(flags: Iterable[str]) -> bytes:
    """Return flags in parentheses."""
    return b"(%b)" % " ".join(flags).encode("ascii", "replace")


def flags(known: Iterable[str]) -> bytes:
    """Return the FLAGS line of SELECT."""
    return untagged(b"FLAGS " + flag_list(known))


def capability(names: Iterable[str]) -> bytes:
    """Return `CAPABILITY IMAP4rev1 ...`, as data and as a code."""
    return b"CAPABILITY " + " ".join(names).encode("ascii")


def enabled(names: Iterable[str]) -> bytes:
    """Return the ENABLED line (RFC 9051 §7.2.1)."""
    return untagged(" ".join(("ENABLED", *names)).encode("ascii"))


def identification(fields: Mapping[str, str | None]) -> bytes:
    """Return the ID line (RFC 2971 §3.2)."""
    if not fields:
        return untagged(b"ID NIL")
    pairs = (
        string(name.encode()) + b" " + nstring(None if value is None else value.encode())
        for name, value in fields.items()
    )
    return untagged(b"ID (%b)" % b" ".join(pairs))


# --- the mailbox -------------------------------------------------------------------------------


def exists(count: int) -> bytes:
    """Return the number of messages."""
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    """Return RECENT of RFC 3501."""
    return b"* %d RECENT\r\n" % count


def expunges(numbers: Iterable[int]) -> bytes:
    """Return EXPUNGE lines. Each changes the numbers behind it: give falling numbers, or count."""
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers])


def vanished(uids: bytes, *, earlier: bool = False) -> bytes:
    """Return VANISHED of a sequence set that is not empty (RFC 7162 §3.2.10)."""
    return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if earlier else b"", uids)


Space = tuple[str, str | None]  # a prefix, and the delimiter of levels


def namespace(
    personal: Sequence[Space],
    others: Sequence[Space] = (),
    shared: Sequence[Space] = (),
    *,
    utf8: bool = False,
) -> bytes:
    """Return the NAMESPACE line (RFC 9051 §6.3.10)."""
    spaces = (_spaces(kind, utf8) for kind in (personal, others, shared))
    return untagged(b"NAMESPACE " + b" ".join(spaces))


def _spaces(kind: Sequence[Space], utf8: bool) -> bytes:
    if not kind:
        return NIL
    return b"(%b)" % b"".join(
        b"(%b %b)" % (_quoted_name(prefix, utf8), delimiter_of(delimiter))
        for prefix, delimiter in kind
    )


def _quoted_name(name: str, utf8: bool) -> bytes:
    """A string where no atom may stand."""
    text = mailbox(name, utf8=utf8)
    return text if text[:1] in (b'"', b"{") else b'"%b"' % text


def delimiter_of(delimiter: str | None) -> bytes:
    """Return the delimiter of levels in quotes, NIL for a flat list."""
    return NIL if delimiter is None else string(delimiter.encode())

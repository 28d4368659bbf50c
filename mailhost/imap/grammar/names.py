"""Mailbox names, patterns for them, and flags."""

from __future__ import annotations

import re

from mailhost.imap.grammar.cursor import ATOM, BadMailboxName, BadSyntax, Cursor
from mailhost.message.utf7 import decode_utf7

# list-mailbox = 1*list-char / string;  list-char = ATOM-CHAR / list-wildcards / resp-specials
_PATTERN = re.compile(rb"[!#-'*-\[\]^-z|}~]+")
# flag = "\Answered" / ... / flag-keyword / flag-extension;  flag-extension = "\" atom
_FLAG = re.compile(rb"\\?[!#$&'+-\[^-z|}~]+")
_ALL_FLAGS = {
    flag.lower(): flag.decode()
    for flag in (b"\\Answered", b"\\Flagged", b"\\Deleted", b"\\Seen", b"\\Draft")
}
LONGEST_FLAG = 255  # octets of a keyword
LONGEST_NAME = 1024  # octets of a mailbox name as the client wrote it


def read_mailbox(cursor: Cursor) -> str:
    """Read a mailbox name; INBOX in any case is `INBOX`. Raises BadSyntax, BadMailboxName.

    mailbox = "INBOX" / astring
    """
    return decode_mailbox(cursor.astring("a mailbox name"), cursor.mode.utf8_names)


def decode_mailbox(name: bytes, utf8: bool) -> str:
    """Return the Unicode of a name. Raises BadMailboxName."""
    if len(name) == 5 and name.upper() == b"INBOX":
        return "INBOX"
    if len(name) > LONGEST_NAME:
        raise BadMailboxName(f"A mailbox name may have {LONGEST_NAME} octets")
    try:
        return name.decode() if utf8 else decode_utf7(name)
    except ValueError:
        encoding = "UTF-8" if utf8 else "modified UTF-7"
        raise BadMailboxName(f"The mailbox name is not {encoding}") from None


def read_pattern(cursor: Cursor) -> str:
    """Read a pattern of LIST, with `*` and `%`. Raises BadSyntax, BadMailboxName."""
    found = cursor.match(_PATTERN)
    text = found[0] if found else cursor.string("a mailbox name or pattern")
    return decode_mailbox(text, cursor.mode.utf8_names)


def read_flag(cursor: Cursor) -> str:
    """Read a flag that a client may set; system flags are spelled as the RFC does.

    Raises BadSyntax, also for `\\Recent` and others that only the server sets.
    """
    found = _FLAG.match(cursor.text, cursor.at)
    if not found:
        raise cursor.expected("a flag")
    flag = found[0]
    if flag[:1] == b"\\":
        known = _ALL_FLAGS.get(flag.lower())
        if known is None:
            raise cursor.expected("a flag that may be set")
        cursor.at = found.end()
        return known
    return read_keyword(cursor)


def read_keyword(cursor: Cursor) -> str:
    """Read a keyword. Raises BadSyntax. flag-keyword = "$MDNSent" / ... / atom"""
    keyword = cursor.token(ATOM, "a keyword")
    if len(keyword) > LONGEST_FLAG:
        raise BadSyntax(f"A keyword may have {LONGEST_FLAG} octets")
    return keyword.decode("ascii")


def read_flags(cursor: Cursor) -> tuple[str, ...]:
    """Read a list of flags in parentheses, each once. Raises BadSyntax.

    flag-list = "(" [flag *(SP flag)] ")"
    """
    return tuple(dict.fromkeys(cursor.listed_or_empty(read_flag)))


_SPECIAL_USES = {
    use.lower().encode(): use
    for use in ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash",
                "\\Important")
}  # fmt: skip


def read_special_use(cursor: Cursor) -> str:
    """Read an attribute of RFC 6154, also one that is not known here: CREATE is answered
    NO [USEATTR] then. Raises BadSyntax. use-attr = "\\All" / ... / use-attr-ext"""
    use = cursor.token(_FLAG, "a special use such as \\Sent")
    return _SPECIAL_USES.get(use.lower(), use.decode("ascii"))

"""Reads APPEND, whole or up to a literal that is announced (RFC 9051 §6.3.12, RFC 3502)."""

from __future__ import annotations

from mailhost.imap.grammar.commands_mailbox import Append, AppendMessage
from mailhost.imap.grammar.cursor import Cursor
from mailhost.imap.grammar.dates import read_date_time
from mailhost.imap.grammar.names import read_flags, read_mailbox
from mailhost.imap.grammar.reader import Literal

_WRAPPED = b"UTF8 ("


def append(cursor: Cursor) -> Append:
    """ "APPEND" SP mailbox 1*append-message"""
    cursor.space()
    mailbox = read_mailbox(cursor)
    messages = [_message(cursor)]
    while not cursor.at_end():
        messages.append(_message(cursor))
    return Append(mailbox, tuple(messages))


def announced(cursor: Cursor) -> Append:
    """APPEND with the message alone that is announced: the last part of the cursor. Those before it
    were read when they were announced, and are not read again."""
    cursor.space()
    mailbox = read_mailbox(cursor)
    before = cursor.skip_to_announced()
    if before is not None and before.upper().endswith(_WRAPPED):
        cursor.expect(b")")
    return Append(mailbox, (_message(cursor),))


def _message(cursor: Cursor) -> AppendMessage:
    """[SP flag-list] [SP date-time] SP append-data

    append-data = literal / literal8 / "UTF8" SP "(" literal8 ")" (RFC 6855 §4)
    """
    cursor.space()
    flags = date = None
    if cursor.next_is(b"("):
        flags = read_flags(cursor)
        cursor.space()
    if cursor.next_is(b'"'):
        date = read_date_time(cursor)
        cursor.space()
    utf8 = cursor.take_word(b"UTF8")
    if utf8:
        cursor.expect(b" (")
    literal = _literal(cursor)
    if utf8 and not (cursor.announced and cursor.at_end()):
        cursor.expect(b")")
    return AppendMessage(literal.size, flags or (), date, utf8, literal.binary)


def _literal(cursor: Cursor) -> Literal:
    literal = cursor.literal()
    if literal is None:
        raise cursor.expected("a message as a literal")
    return literal

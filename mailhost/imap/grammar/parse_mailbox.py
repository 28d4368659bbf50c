"""Reads the commands of `commands_mailbox`, but for LIST, APPEND and NOTIFY. A reader begins behind
the name of its command."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mailhost.imap.grammar.commands_mailbox import (
    Create,
    GetQuota,
    QResync,
    Rename,
    Select,
    SetQuota,
    Status,
    StatusItem,
)
from mailhost.imap.grammar.cursor import BadSyntax, Cursor
from mailhost.imap.grammar.names import read_mailbox, read_special_use
from mailhost.imap.grammar.sequence_set import read_known_set, starts_set

T = TypeVar("T")

_STATUS_ITEMS = {item.value: item for item in StatusItem}


def of_mailbox(kind: Callable[[str], T]) -> Callable[[Cursor], T]:
    """Return the reader of a command that takes one mailbox."""

    def read(cursor: Cursor) -> T:
        cursor.space()
        return kind(read_mailbox(cursor))

    return read


def select(cursor: Cursor) -> Select:
    """ "SELECT" SP mailbox [select-params]"""
    return _select(cursor, read_only=False)


def examine(cursor: Cursor) -> Select:
    """ "EXAMINE" SP mailbox [select-params]"""
    return _select(cursor, read_only=True)


def _select(cursor: Cursor, read_only: bool) -> Select:
    """select-params = SP "(" select-param *(SP select-param) ")"

    select-param = "CONDSTORE" / "QRESYNC" SP "(" ... ")" (RFC 7162 §7), in any order
    """
    cursor.space()
    mailbox = read_mailbox(cursor)
    params = cursor.listed(_select_param) if cursor.take(b" ") else ()
    known = [param for param in params if param]
    if len(set(map(bool, params))) < len(params):
        raise BadSyntax("A parameter of SELECT is given twice")
    return Select(mailbox, read_only, None in params, known[0] if known else None)


def _select_param(cursor: Cursor) -> QResync | None:
    """Return None for CONDSTORE."""
    if cursor.take_word(b"CONDSTORE"):
        return None
    if not cursor.take_word(b"QRESYNC"):
        raise cursor.expected("CONDSTORE or QRESYNC")
    cursor.space()
    return _qresync(cursor)


def _qresync(cursor: Cursor) -> QResync:
    """ "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"

    seq-match-data = "(" known-sequence-set SP known-uid-set ")"
    """
    cursor.expect(b"(")
    uid_validity = cursor.number("a UIDVALIDITY")
    cursor.space()
    modseq = cursor.number64("a MODSEQ")
    known = numbers = uids = None
    more = cursor.take(b" ")
    if more and starts_set(cursor):
        known = read_known_set(cursor)
        more = cursor.take(b" ")
    if more:
        cursor.expect(b"(")
        numbers = read_known_set(cursor)
        cursor.space()
        uids = read_known_set(cursor)
        cursor.expect(b")")
    cursor.expect(b")")
    return QResync(uid_validity, modseq, known, numbers, uids)


def create(cursor: Cursor) -> Create:
    """ "CREATE" SP mailbox [SP "(" create-param *(SP create-param) ")"]

    create-param = "USE" SP "(" [use-attr *(SP use-attr)] ")" (RFC 6154 §6)
    """
    cursor.space()
    mailbox = read_mailbox(cursor)
    uses = cursor.listed(_use) if cursor.take(b" ") else ()
    if len(uses) > 1:
        raise BadSyntax("USE is given twice")
    return Create(mailbox, uses[0] if uses else ())


def _use(cursor: Cursor) -> tuple[str, ...]:
    if not cursor.take_word(b"USE"):
        raise cursor.expected("USE")
    cursor.space()
    return cursor.listed_or_empty(read_special_use)


def rename(cursor: Cursor) -> Rename:
    """ "RENAME" SP mailbox SP mailbox"""
    cursor.space()
    mailbox = read_mailbox(cursor)
    cursor.space()
    return Rename(mailbox, read_mailbox(cursor))


def status(cursor: Cursor) -> Status:
    """ "STATUS" SP mailbox SP "(" status-att *(SP status-att) ")" """
    cursor.space()
    mailbox = read_mailbox(cursor)
    cursor.space()
    return Status(mailbox, read_status_items(cursor))


def read_status_items(cursor: Cursor) -> tuple[StatusItem, ...]:
    """Read a list of status items, each once. Raises BadSyntax."""
    return tuple(dict.fromkeys(cursor.listed(_status_item)))


def _status_item(cursor: Cursor) -> StatusItem:
    return cursor.choice(_STATUS_ITEMS, "a status item")


def get_quota(cursor: Cursor) -> GetQuota:
    """ "GETQUOTA" SP quota-root-name;  quota-root-name = astring"""
    cursor.space()
    return GetQuota(_quota_root(cursor))


def set_quota(cursor: Cursor) -> SetQuota:
    """ "SETQUOTA" SP quota-root-name SP setquota-list

    setquota-list = "(" [setquota-resource *(SP setquota-resource)] ")"
    """
    cursor.space()
    root = _quota_root(cursor)
    cursor.space()
    return SetQuota(root, cursor.listed_or_empty(_quota_limit))


def _quota_root(cursor: Cursor) -> str:
    return cursor.astring("a quota root").decode("utf-8", "replace")


def _quota_limit(cursor: Cursor) -> tuple[str, int]:
    """setquota-resource = resource-name SP resource-limit"""
    resource = cursor.word("a resource").decode("ascii")
    cursor.space()
    return resource, cursor.number64("a limit")

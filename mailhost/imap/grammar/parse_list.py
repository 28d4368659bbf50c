"""Reads LIST with its selection and return options (RFC 9051 §6.3.9, RFC 6154), and LSUB."""

from __future__ import annotations

from collections.abc import Mapping

from mailhost.imap.grammar.commands_mailbox import List, Lsub, StatusItem
from mailhost.imap.grammar.cursor import BadSyntax, Cursor
from mailhost.imap.grammar.names import read_mailbox, read_pattern
from mailhost.imap.grammar.parse_mailbox import read_status_items

_SELECTED = (b"SUBSCRIBED", b"REMOTE", b"RECURSIVEMATCH", b"SPECIAL-USE")
_RETURNED = (b"SUBSCRIBED", b"CHILDREN", b"SPECIAL-USE")
MOST_PATTERNS = 100


def list_(cursor: Cursor) -> List:
    """ "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]"""
    cursor.space()
    selected: tuple[bytes, ...] | None = None
    if cursor.next_is(b"("):
        selected = cursor.listed_or_empty(_select_option)
        cursor.space()
    reference = read_mailbox(cursor)
    cursor.space()
    several = cursor.next_is(b"(")
    patterns = cursor.listed(read_pattern) if several else (read_pattern(cursor),)
    if len(patterns) > MOST_PATTERNS:
        raise BadSyntax(f"LIST may have {MOST_PATTERNS} patterns")
    returned = _return_options(cursor) if cursor.take(b" ") else None
    extended = several or selected is not None or returned is not None
    return _value(reference, patterns, extended, selected or (), returned or {})


def _value(
    reference: str,
    patterns: tuple[str, ...],
    extended: bool,
    selected: tuple[bytes, ...],
    returned: Mapping[bytes, tuple[StatusItem, ...]],
) -> List:
    subscribed = b"SUBSCRIBED" in selected
    special_use = b"SPECIAL-USE" in selected
    recursive = b"RECURSIVEMATCH" in selected
    if recursive and not (subscribed or special_use):
        raise BadSyntax("RECURSIVEMATCH needs SUBSCRIBED or another option")  # RFC 9051 §6.3.9.1
    return List(
        reference,
        patterns,
        extended,
        only_subscribed=subscribed,
        only_special_use=special_use,
        remote=b"REMOTE" in selected,
        recursive_match=recursive,
        return_subscribed=subscribed or b"SUBSCRIBED" in returned,
        return_children=b"CHILDREN" in returned,
        return_special_use=special_use or b"SPECIAL-USE" in returned,
        return_status=returned.get(b"STATUS", ()),
    )


def _select_option(cursor: Cursor) -> bytes:
    return cursor.choice(_SELECT_OPTIONS, "a selection option of LIST")


def _return_options(cursor: Cursor) -> dict[bytes, tuple[StatusItem, ...]]:
    """list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")" """
    if not cursor.take_word(b"RETURN"):
        raise cursor.expected("RETURN")
    cursor.space()
    return dict(cursor.listed_or_empty(_return_option))


def _return_option(cursor: Cursor) -> tuple[bytes, tuple[StatusItem, ...]]:
    """return-option =  "SUBSCRIBED" / "CHILDREN" / "SPECIAL-USE" / status-option

    status-option = "STATUS" SP "(" status-att *(SP status-att) ")"
    """
    if cursor.take_word(b"STATUS"):
        cursor.space()
        return b"STATUS", read_status_items(cursor)
    return cursor.choice(_RETURN_OPTIONS, "a return option of LIST"), ()


_SELECT_OPTIONS = {name: name for name in _SELECTED}
_RETURN_OPTIONS = {name: name for name in _RETURNED}


def lsub(cursor: Cursor) -> Lsub:
    """ "LSUB" SP mailbox SP list-mailbox"""
    cursor.space()
    reference = read_mailbox(cursor)
    cursor.space()
    return Lsub(reference, read_pattern(cursor))

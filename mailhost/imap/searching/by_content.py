"""Search keys about the content of messages, as the store takes them."""

from __future__ import annotations

from mailhost.imap.grammar.search_keys import (
    And,
    Dated,
    DateOf,
    Not,
    Or,
    SearchKey,
)
from mailhost.imap.searching.by_view import day_number
from mailhost.message.imap.content_keys import (
    AllOf,
    AnyOf,
    ContentKey,
    FieldContains,
    NoneOf,
    Sent,
    TextContains,
)


def content_key(key: SearchKey) -> ContentKey | None:
    """Return a key of the content alone, None for one that needs something else too."""
    match key:
        case FieldContains() | TextContains():
            return key
        case Dated(DateOf.SENT, when, day):
            return Sent(when, day_number(day))
        case Not(inside):
            found = content_key(inside)
            return None if found is None else NoneOf(found)
        case Or(left, right):
            keys = _all_keys((left, right))
            return None if keys is None else AnyOf(keys)
        case And(several):
            keys = _all_keys(several)
            return None if keys is None else AllOf(keys)
    return None


def _all_keys(keys: tuple[SearchKey, ...]) -> tuple[ContentKey, ...] | None:
    found = [made for key in keys if (made := content_key(key)) is not None]
    return tuple(found) if len(found) == len(keys) else None

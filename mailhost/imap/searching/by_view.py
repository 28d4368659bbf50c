"""Search keys that the folder's view answers, for all messages at once."""

from __future__ import annotations

from datetime import date

from mailhost.imap.grammar.search_keys import (
    All,
    And,
    ChangedFrom,
    Dated,
    DateOf,
    HasFlag,
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
    parts_of,
)
from mailhost.imap.searching.masks import NOTHING, Mask, everything, mask_of_bit, mask_where
from mailhost.imap.searching.scope import Scope
from mailhost.message.flags import SYSTEM_FLAGS, keyword_bit
from mailhost.message.imap.content_keys import When

DAY = 86400
_EPOCH = date(1970, 1, 1).toordinal()
_SYSTEM = {name.lower(): bit for name, bit in SYSTEM_FLAGS.items()}
_ALONE = (
    All | HasFlag | SaveDateSupported | Larger | Smaller | Older | Younger | Numbered | WithUid
    | ChangedFrom
)  # fmt: skip


def is_in_view(key: SearchKey) -> bool:
    """True for a key that needs nothing but the view."""
    return all(
        isinstance(part, _ALONE) or (isinstance(part, Dated) and part.of is DateOf.ARRIVED)
        for part in parts_of(key)
    )


def needs_sizes(key: SearchKey) -> bool:
    """True where the sizes of messages make a difference."""
    return any(isinstance(part, Larger | Smaller) for part in parts_of(key))


def needs_dates(key: SearchKey) -> bool:
    """True where INTERNALDATE makes a difference."""
    return any(
        isinstance(part, Older | Younger) or (isinstance(part, Dated) and part.of is DateOf.ARRIVED)
        for part in parts_of(key)
    )


def day_number(day: date) -> int:
    """Return days since 1970."""
    return day.toordinal() - _EPOCH


def matching_view(key: SearchKey, scope: Scope) -> Mask:
    """Return the messages that match a key for which `is_in_view` holds."""
    if isinstance(key, Not):
        return everything(scope.count) ^ matching_view(key.key, scope)
    if isinstance(key, Or):
        return matching_view(key.left, scope) | matching_view(key.right, scope)
    if isinstance(key, And):
        found = everything(scope.count)
        for each in key.keys:
            found &= matching_view(each, scope)
        return found
    return _leaf(key, scope)


def _leaf(key: SearchKey, scope: Scope) -> Mask:
    view = scope.view
    match key:
        case All() | SaveDateSupported():
            return everything(scope.count)
        case HasFlag(flag):
            return _flagged(flag, scope)
        case Numbered(wanted):
            return scope.by_number(wanted)
        case WithUid(wanted):
            return scope.by_uid(wanted)
        case ChangedFrom(modseq):
            return mask_where(view.modseqs, modseq.__le__)
        case Larger(size):
            return mask_where(view.sizes, size.__lt__)
        case Smaller(size):
            return mask_where(view.sizes, size.__gt__)
        case Older(seconds):
            return mask_where(view.dates, int(scope.now - seconds).__ge__)
        case Younger(seconds):
            return mask_where(view.dates, int(scope.now - seconds).__le__)
        case Dated():
            return _arrived(key, scope)
    raise AssertionError(f"{key} is not in the view")


def _flagged(flag: str, scope: Scope) -> Mask:
    """A keyword that the folder does not have is that of no message; nor is \\Recent."""
    flag = flag.lower()
    bit = _SYSTEM.get(flag, 0)
    if not bit:
        names = [name.lower() for name in scope.view.keywords]
        if flag not in names:
            return NOTHING
        bit = keyword_bit(names.index(flag))
    return mask_of_bit(scope.view.flags, bit)


def _arrived(key: Dated, scope: Scope) -> Mask:
    """INTERNALDATE, which is shown in UTC, so its days are those of UTC."""
    first = day_number(key.day) * DAY
    dates = scope.view.dates
    if key.when is When.BEFORE:
        return mask_where(dates, first.__gt__)
    since = mask_where(dates, first.__le__)
    if key.when is When.SINCE:
        return since
    return since & mask_where(dates, (first + DAY).__gt__)

"""How a client that was away catches up (QRESYNC of RFC 7162).

It is told what is gone by VANISHED (EARLIER), and the flags that have changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

from mailhost.imap.completion import Completion, refused
from mailhost.imap.context import Context
from mailhost.imap.flag_lists import flag_lines
from mailhost.imap.grammar.commands_mailbox import QResync
from mailhost.imap.grammar.numbers import write_ranges
from mailhost.imap.grammar.response import vanished
from mailhost.imap.grammar.sequence_set import Range, SequenceSet
from mailhost.imap.selected import AT_ONCE, Selected
from mailhost.interfaces.folders import FolderView, StoreRefusal, Vanished
from mailhost.message.ranges import ranges_of

MOST_PAIRS = 10_000  # of numbers and UIDs that are compared, as sets may name billions


async def catch_up(context: Context, selected: Selected, known: QResync) -> Completion | None:
    """Tell what has changed since the client was here (RFC 7162 §3.2.5). Returns why not."""
    view = selected.view
    if known.uid_validity != view.uid_validity:
        return None
    gone = await selected.folder.vanished(known.modseq)
    if isinstance(gone, StoreRefusal):
        return refused(gone)
    ranges = vanished_ranges(view, gone, known.known_uids, _same_up_to(view, known))
    if ranges:
        context.wire.write(vanished(write_ranges(ranges), earlier=True))
    lines = flag_lines(view, True, True)
    places = view.changed_since(known.modseq)
    if known.known_uids is not None:
        changed = set(places)
        asked = known.known_uids.places_of_uids(view.uids)
        places = [place for some in asked for place in some if place in changed]
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        await context.send(b"".join(lines([place + 1 for place in some], some)))
    return None


def _same_up_to(view: FolderView, known: QResync) -> int:
    """Return the last UID up to which the client's message numbers are those of today, so that
    nothing below has vanished (RFC 7162 §3.2.5.2); 0 for none."""
    if known.known_numbers is None or known.numbered_uids is None:
        return 0
    numbers, uids = known.known_numbers, known.numbered_uids
    pairs = islice(zip(_members(numbers), _members(uids), strict=False), MOST_PAIRS)
    return max(
        (uid for number, uid in pairs if number <= len(view.uids) and view.uids[number - 1] == uid),
        default=0,
    )


def _members(wanted: SequenceSet) -> Iterator[int]:
    for first, last in wanted.ranges:
        yield from range(first, last + 1)


def vanished_ranges(
    view: FolderView, gone: Vanished, known: SequenceSet | None, same_up_to: int = 0
) -> list[Range]:
    """Return the ranges of UIDs that are gone, of those that the client knows; None for all. Where
    the store has forgotten some, those above `same_up_to` that do not exist."""
    largest = view.uid_next - 1
    ranges = _joined(gone.ranges) if gone.complete else list(_absent(view, largest, same_up_to))
    if known is None:
        return ranges
    return known.common(ranges, max(largest, 1))


def _joined(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges in rising order, none touching the next."""
    found: list[Range] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def _absent(view: FolderView, largest: int, after: int) -> Iterator[Range]:
    """Yield the ranges of UIDs from `after` up to the largest that no message has."""
    before = after
    for first, last in ranges_of(view.uids):
        if first > before + 1:
            yield before + 1, first - 1
        before = max(before, last)
    if largest > before:
        yield before + 1, largest

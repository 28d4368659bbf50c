"""FETCH data that needs no octets of messages: a column of values for each item, for many messages
at once. A line is one format with a value of each column, so that flags of 100,000 messages take
tens of milliseconds."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailhost.imap.flag_lists import FlagLists
from mailhost.imap.grammar.dates import write_date_time
from mailhost.imap.grammar.fetch_items import (
    Attribute,
    BodySection,
    FetchItem,
    Preview,
    SectionText,
)
from mailhost.imap.grammar.strings import string
from mailhost.interfaces.folders import Details, FolderView, SummaryField
from mailhost.message.imap.headers import KEPT

_SUMMARY_ATTRIBUTES = {
    Attribute.ENVELOPE: SummaryField.ENVELOPE,
    Attribute.BODY: SummaryField.BODY,
    Attribute.BODYSTRUCTURE: SummaryField.BODY_STRUCTURE,
    Attribute.THREADID: SummaryField.THREAD_ID,
}
_DETAILS = frozenset({Attribute.EMAILID, Attribute.SAVEDATE})


@dataclass(frozen=True, slots=True)
class Rows:
    """Messages of one part of an answer: their places in the view, and what else was asked for of
    the store, by UID."""

    view: FolderView
    flag_lists: FlagLists
    places: Sequence[int]
    details: Mapping[int, Details] = field(default_factory=dict)
    summaries: Mapping[int, Sequence[Any]] = field(default_factory=dict)

    @property
    def uids(self) -> Sequence[int]:
        """The UIDs of the messages."""
        return picked(self.view.uids, self.places)


def picked(values: Sequence[int], places: Sequence[int]) -> Sequence[int]:
    """Return the values at these places."""
    if places and places[-1] - places[0] == len(places) - 1:
        return values[places[0] : places[-1] + 1]
    return [values[place] for place in places]


def places_of(view: FolderView, uids: Sequence[int]) -> Sequence[int]:
    """Return the places of messages in a view, given by rising UIDs; those that are gone are left
    out."""
    if not uids:
        return ()
    first = bisect_left(view.uids, uids[0])
    if view.uids[first : first + len(uids)] == array("I", uids):
        return range(first, first + len(uids))
    return [place for place in map(view.index_of, uids) if place is not None]


def summary_field(item: FetchItem) -> SummaryField | None:
    """Return what an item is answered from, None for one that needs no summary."""
    if isinstance(item, Attribute):
        return _SUMMARY_ATTRIBUTES.get(item)
    if isinstance(item, Preview):
        return SummaryField.PREVIEW
    if isinstance(item, BodySection) and _is_kept(item):
        return SummaryField.HEAD
    return None


def _is_kept(item: BodySection) -> bool:
    """True for HEADER.FIELDS of which the summary has all."""
    fields = item.text is SectionText.FIELDS and not item.part
    return fields and all(name.lower().encode() in KEPT for name in item.fields)


def needs_details(items: Iterable[FetchItem]) -> bool:
    """True where one of the items is neither in the view nor in a summary."""
    return any(item in _DETAILS for item in items)


def format_of(item: FetchItem) -> bytes:
    """Return the format of an item that has a column."""
    if isinstance(item, Attribute):
        return _FORMATS[item]
    assert isinstance(item, Preview)
    return b"PREVIEW %b"


_FORMATS = {
    Attribute.UID: b"UID %d",
    Attribute.FLAGS: b"FLAGS %b",
    Attribute.INTERNALDATE: b"INTERNALDATE %b",
    Attribute.SIZE: b"RFC822.SIZE %d",
    Attribute.MODSEQ: b"MODSEQ (%d)",
    Attribute.EMAILID: b"EMAILID (%b)",
    Attribute.THREADID: b"THREADID (%b)",
    Attribute.SAVEDATE: b"SAVEDATE %b",
    Attribute.ENVELOPE: b"ENVELOPE %b",
    Attribute.BODY: b"BODY %b",
    Attribute.BODYSTRUCTURE: b"BODYSTRUCTURE %b",
}


def column(item: FetchItem, rows: Rows, fields: Sequence[SummaryField]) -> Iterable[Any]:
    """Return the values of an item for all rows. `fields` are those of the summaries."""
    wanted = summary_field(item)
    if wanted is not None:
        at = fields.index(wanted)
        values = [rows.summaries[uid][at] for uid in rows.uids]
        if wanted is SummaryField.PREVIEW:
            return [string(text.encode()) for text in values]
        if wanted is SummaryField.THREAD_ID:
            return [text.encode() for text in values]
        return values
    assert isinstance(item, Attribute)
    return _COLUMNS[item](rows)


_COLUMNS: Mapping[Attribute, Callable[[Rows], Iterable[Any]]] = {
    Attribute.UID: lambda rows: rows.uids,
    Attribute.FLAGS: lambda rows: map(
        rows.flag_lists.__getitem__, picked(rows.view.flags, rows.places)
    ),
    Attribute.INTERNALDATE: lambda rows: map(write_date_time, picked(rows.view.dates, rows.places)),
    Attribute.SIZE: lambda rows: picked(rows.view.sizes, rows.places),
    Attribute.MODSEQ: lambda rows: picked(rows.view.modseqs, rows.places),
    Attribute.EMAILID: lambda rows: [rows.details[uid].email_id.encode() for uid in rows.uids],
    Attribute.SAVEDATE: lambda rows: [
        write_date_time(rows.details[uid].saved) for uid in rows.uids
    ],
}

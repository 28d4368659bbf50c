"""The messages that a command searches: those that the client knows and that still exist."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailhost.imap.grammar.sequence_set import SequenceSet
from mailhost.imap.searching.masks import Mask, mask_of_places, mask_of_uids, picked
from mailhost.imap.selected import Selected
from mailhost.interfaces.folders import FolderView, IFolder, StoreRefusal


@dataclass(frozen=True, slots=True)
class Scope:
    """`view` has no messages but those, and `numbers` are theirs in this session, of `known`
    messages. `saved` is the result of the last search as UIDs; `now` is in seconds since 1970."""

    folder: IFolder
    view: FolderView
    numbers: Sequence[int]
    known: int
    saved: Sequence[int]
    now: float

    @property
    def count(self) -> int:
        """How many messages there are."""
        return len(self.view.uids)

    def by_number(self, wanted: SequenceSet) -> Mask:
        """The messages of a set of numbers; what is beyond the last message is left out."""
        if wanted.saved:
            return self._saved()
        if self.known == self.count:
            return mask_of_places(self.count, wanted.places_of_numbers(self.count))
        numbers = [
            number
            for places in wanted.places_of_numbers(self.known)
            for number in range(places.start + 1, places.stop + 1)
        ]
        return mask_of_uids(self.numbers, numbers)

    def by_uid(self, wanted: SequenceSet) -> Mask:
        """The messages of a set of UIDs."""
        if wanted.saved:
            return self._saved()
        return mask_of_places(self.count, wanted.places_of_uids(self.view.uids))

    def _saved(self) -> Mask:
        return mask_of_uids(self.view.uids, self.saved)


async def scope_of(
    selected: Selected, now: float, sizes: bool, dates: bool
) -> Scope | StoreRefusal:
    """Return what a command searches in, as it is now; with `sizes` all sizes are known, with
    `dates` all dates."""
    if selected.has_view and not (sizes or dates or selected.due(now)):
        return _scope(selected, selected.view, now)
    selected.looked(now)  # before it is read: what changes meanwhile is told next
    view = await selected.folder.view(sizes, dates)
    if isinstance(view, StoreRefusal):
        return view
    selected.seen(view)
    return _scope(selected, view, now)


def _scope(selected: Selected, view: FolderView, now: float) -> Scope:
    known = selected.uids
    if view.uids == known:
        numbers: Sequence[int] = range(1, len(known) + 1)
    else:
        common = mask_of_uids(view.uids, known)
        count = len(view.uids)
        view = replace(
            view,
            uids=array("I", picked(view.uids, common, count)),
            flags=array("I", picked(view.flags, common, count)),
            modseqs=array("Q", picked(view.modseqs, common, count)),
            sizes=array("I", picked(view.sizes, common, count)),
            dates=array("q", picked(view.dates, common, count)),
        )
        numbers = array("I", map(selected.number_of, view.uids))
    return Scope(selected.folder, view, numbers, len(known), selected.saved, now)

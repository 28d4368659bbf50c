"""Evaluates a search key: what the view answers first, then the store's details, then content.

Each key is looked at for those messages alone that it can make a difference for: AND narrows them
down, OR goes on with those that were not found yet. Keys about content that stand side by side are
asked for together, so that a message is read once.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from mailhost.imap.grammar.search_keys import (
    And,
    Dated,
    HasEmailId,
    HasThreadId,
    Not,
    Or,
    SearchKey,
)
from mailhost.imap.searching.by_content import content_key
from mailhost.imap.searching.by_view import (
    DAY,
    day_number,
    is_in_view,
    matching_view,
)
from mailhost.imap.searching.columns import column_of
from mailhost.imap.searching.masks import Mask, everything, mask_of_uids, picked
from mailhost.imap.searching.progress import Progress
from mailhost.imap.searching.scope import Scope
from mailhost.interfaces.folders import StoreRefusal, SummaryField
from mailhost.message.imap.content_keys import ContentKey

DETAILS_AT_ONCE = 500


class SearchRefused(Exception):
    """The store refuses what a search needs."""

    def __init__(self, refusal: StoreRefusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


class Cost(IntEnum):
    """The cost of a key for each message."""

    VIEW = 0
    DETAILS = 1
    CONTENT = 2


def cost_of(key: SearchKey) -> Cost:
    """Return the cost of a key: that of its dearest part."""
    if is_in_view(key):
        return Cost.VIEW
    match key:
        case Not(inside):
            return cost_of(inside)
        case Or(left, right):
            return max(cost_of(left), cost_of(right))
        case And(keys):
            return max(map(cost_of, keys))
    return Cost.DETAILS if content_key(key) is None else Cost.CONTENT


class Evaluation:
    """Evaluates the keys of one command."""

    def __init__(self, scope: Scope, progress: Progress) -> None:
        self._scope = scope
        self._progress = progress

    async def matching(self, key: SearchKey) -> Mask:
        """Return the messages that match. Raises SearchRefused, ConnectionLost."""
        return await self._among(key, everything(self._scope.count))

    async def _among(self, key: SearchKey, among: Mask) -> Mask:
        if is_in_view(key):
            return among & matching_view(key, self._scope)
        if not among:
            return among
        content = content_key(key)
        if content is not None:
            return await self._by_content(content, among)
        match key:
            case Not(inside):
                return among ^ await self._among(inside, among)
            case And(keys):
                for each in _together(keys):
                    among = await self._among(each, among)
                return among
            case Or(left, right):
                first, second = sorted((left, right), key=cost_of)
                found = await self._among(first, among)
                return found | await self._among(second, among ^ found)
        return await self._by_details(key, among)

    async def _by_content(self, key: ContentKey, among: Mask) -> Mask:
        scope = self._scope
        uids = picked(scope.view.uids, among, scope.count)
        found: list[int] = []
        done = 0
        while done < len(uids):
            matches = await scope.folder.matching(uids[done:], key)
            if isinstance(matches, StoreRefusal):
                raise SearchRefused(matches)
            found += matches.uids
            done += matches.searched
            await self._progress.looked_at(done)
        return mask_of_uids(scope.view.uids, found)

    async def _by_details(self, key: SearchKey, among: Mask) -> Mask:
        scope = self._scope
        uids = picked(scope.view.uids, among, scope.count)
        if isinstance(key, HasThreadId):
            column = await column_of(scope, uids, SummaryField.THREAD_ID, self._progress)
            if isinstance(column, StoreRefusal):
                raise SearchRefused(column)
            return mask_of_uids(scope.view.uids, [uid for uid in column if column[uid] == key.id])
        found: list[int] = []
        for start in range(0, len(uids), DETAILS_AT_ONCE):
            found += await self._by_some_details(key, uids[start : start + DETAILS_AT_ONCE])
            await self._progress.looked_at(start)
        return mask_of_uids(scope.view.uids, found)

    async def _by_some_details(self, key: SearchKey, uids: Sequence[int]) -> list[int]:
        details = await self._scope.folder.details(uids)
        if isinstance(details, StoreRefusal):
            raise SearchRefused(details)
        if isinstance(key, HasEmailId):
            return [uid for uid, each in details.items() if each.email_id == key.id]
        assert isinstance(key, Dated)
        day = day_number(key.day)
        return [uid for uid, each in details.items() if key.when.holds(each.saved // DAY, day)]


def _together(keys: Sequence[SearchKey]) -> list[SearchKey]:
    """The keys of an AND by their cost, those about content alone as one."""
    content = tuple(key for key in keys if content_key(key) is not None)
    others = sorted((key for key in keys if content_key(key) is None), key=cost_of)
    cheap = [key for key in others if cost_of(key) < Cost.CONTENT]
    dear = [key for key in others if cost_of(key) is Cost.CONTENT]
    return [*cheap, *([And(content)] if content else []), *dear]

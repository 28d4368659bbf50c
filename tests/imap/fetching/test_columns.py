"""Columns of FETCH data."""

from __future__ import annotations

from array import array

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.fetching.columns import picked, places_of
from mailhost.interfaces.folders import FolderView

UIDS = st.sets(st.integers(1, 40)).map(sorted)


class PlacesTests(SynchronousTestCase):
    @given(UIDS, UIDS)
    def test_messages_that_are_there(self, present: list[int], wanted: list[int]) -> None:
        view = FolderView("1", 1, 50, 1, (), array("I", present))
        places = places_of(view, wanted)
        self.assertEqual([uid for uid in wanted if uid in present], list(picked(view.uids, places)))

    def test_a_whole_folder_is_a_range(self) -> None:
        view = FolderView("1", 1, 50, 1, (), array("I", [3, 5, 9]))
        self.assertEqual(range(3), places_of(view, [3, 5, 9]))

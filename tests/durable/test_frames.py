"""The frames on the socket of the writer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.frames import change_of, plain
from mailhost.interfaces.changes import (
    Change,
    LinkedFile,
    MadeFolder,
    NewFile,
    RemovedFile,
    RenamedFile,
    WrittenFile,
)
from mailhost.message.content import Content
from tests.durable.test_kinds import CHANGES

NAMES = st.text(max_size=20)
FLAGS = st.booleans()
ANY_CHANGE = st.one_of(
    st.builds(RemovedFile, NAMES),
    st.builds(RenamedFile, NAMES, NAMES, FLAGS),
    st.builds(LinkedFile, NAMES, NAMES, FLAGS),
    st.builds(MadeFolder, NAMES),
    st.builds(WrittenFile, NAMES),
    st.builds(
        NewFile,
        NAMES,
        NAMES,
        st.binary().map(lambda octets: (Content((octets,)),)),
        FLAGS,
        FLAGS,
        NAMES,
        st.none() | st.floats(allow_nan=False),
    ),
)


class FrameTests(SynchronousTestCase):
    @given(ANY_CHANGE)
    def test_a_change_is_the_same_on_the_other_side(self, change: Change) -> None:
        again = change_of(plain(change))
        self.assertEqual(plain(again), plain(change))
        self.assertIs(type(again), type(change))

    def test_the_kind_is_named(self) -> None:
        kinds = [plain(change)[0] for change in CHANGES]
        self.assertEqual(kinds, ["removed", "renamed", "renamed", "linked", "folder"])

    def test_an_unknown_kind_is_an_error(self) -> None:
        self.assertRaises(KeyError, change_of, ("x", "/a"))

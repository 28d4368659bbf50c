"""Untagged responses while the folder goes on changing."""

from __future__ import annotations

from array import array
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.imap.context import Context, ImapOptions
from mailhost.imap.selected import Selected
from mailhost.imap.updates import tell_updates
from mailhost.interfaces.folders import FolderView, Reason, StoreRefusal
from tests.fake_wire import FakeWire


class SlowFolder:
    """A folder that is read when the test says so."""

    name = "INBOX"

    def __init__(self) -> None:
        self.reading: list[Deferred[FolderView | StoreRefusal]] = []

    def view(self) -> Deferred[FolderView | StoreRefusal]:
        self.reading.append(Deferred())
        return self.reading[-1]


def view_of(messages: int) -> FolderView:
    """A folder of so many messages."""
    uids = array("I", range(1, messages + 1))
    nothing, modseqs = array("I", [0] * messages), array("Q", uids)
    dates = array("q", nothing)
    return FolderView("1", 1, messages + 1, messages, (), uids, nothing, modseqs, nothing, dates)


class ChangesWhileReadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.wire = FakeWire()
        self.folder = SlowFolder()
        folder: Any = self.folder
        fake: Any = None
        self.selected = Selected(folder, view_of(0), False)
        options = ImapOptions("mx.example.org", 1000, 1000, "")
        self.context = Context(
            self.wire, fake, fake, fake, fake, options, fake, fake, lambda: 100.0, fake, fake
        )
        self.context.selected = self.selected
        self.selected.changed = True

    def test_a_change_while_the_folder_is_read_is_told_next(self) -> None:
        done = Deferred.fromCoroutine(tell_updates(self.context, None))
        self.selected.changed = True
        self.folder.reading[0].callback(view_of(1))
        self.successResultOf(done)
        self.assertTrue(self.selected.changed)

    def test_a_folder_that_cannot_be_read_is_not_read_again_and_again(self) -> None:
        done = Deferred.fromCoroutine(tell_updates(self.context, None))
        self.folder.reading[0].callback(StoreRefusal(Reason.UNAVAILABLE, "Later"))
        self.successResultOf(done)
        self.assertFalse(self.selected.changed)

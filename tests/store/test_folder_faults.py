"""The cache of an account when much was removed, or other programs removed something."""

from __future__ import annotations

import shutil
import time

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import NewMessage
from mailhost.message.content import Content
from mailhost.store.cache import messages
from mailhost.store.folders import adding, reading, removal, tree
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir.dotlock import Dotlocks

MESSAGE = NewMessage(Content((b"Subject: hello\r\n\r\nhello\r\n",)))


class CacheAfterRemovals(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = self.mktemp()
        system = OperatingSystem()
        commit = BlockingCommitter(system).commit
        self.disk = Disk(system, Dotlocks(system), commit, "mx.example.org", time.time)
        self.work = self.opened()
        tree.directories(self.work)

    def opened(self) -> AccountWork:
        work = AccountWork(self.root, self.disk)
        self.addCleanup(work.close)
        return work

    def test_removals_that_are_forgotten_are_not_complete(self) -> None:
        """Else a client that was away keeps messages that are gone."""
        self.patch(messages, "MOST_VANISHED", 2)
        adding.add(self.work, "", [MESSAGE] * 9)
        modseqs = [refreshed(self.work, "").view.highest_modseq]
        for uid in (1, 3, 5, 7):
            view, _ = removal.expunge(self.work, "", [uid], keep=False)
            modseqs.append(view.highest_modseq)
        self.assertFalse(reading.vanished(self.work, "", modseqs[0]).complete)
        found = reading.vanished(self.work, "", modseqs[2])
        self.assertTrue(found.complete)
        self.assertEqual([(5, 5), (7, 7)], found.ranges)

    def test_a_rename_to_the_place_of_a_folder_that_another_program_removed(self) -> None:
        """Its messages do not come back in the next folder that is made."""
        for name in ("one", "two"):
            tree.create(self.work, name, "")
            adding.add(self.work, f".{name}", [MESSAGE])
        shutil.rmtree(f"{self.root}/.two")
        self.assertIsNone(tree.rename(self.work, "one", "two"))
        tree.create(self.work, "three", "")
        again = self.opened()
        self.assertEqual([], list(refreshed(again, ".three").view.uids))
        self.assertEqual([1], list(refreshed(again, ".two").view.uids))

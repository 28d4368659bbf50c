"""The cache of an account when much was removed, or other programs removed something."""

from __future__ import annotations

import os
import shutil
import time
from functools import partial
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import FlagChange, NewMessage, SummaryField
from mailhost.message.content import Content
from mailhost.message.flags import ANSWERED, FLAGGED, FlagAction
from mailhost.store.cache import schema
from mailhost.store.cache.vanished import forget_vanished
from mailhost.store.folders import (
    adding,
    file_names,
    flag_changes,
    reading,
    reading_files,
    removal,
    transfer,
    tree,
)
from mailhost.store.folders.account_work import AccountWork, attempt
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir.dotlock import Dotlocks

MESSAGE = NewMessage(Content((b"Subject: hello\r\n\r\nhello\r\n",)))


class FolderCase(SynchronousTestCase):
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


class CacheAfterRemovals(FolderCase):
    def test_removals_that_are_forgotten_are_not_complete(self) -> None:
        """Else a client that was away keeps messages that are gone."""
        self.patch(reading_files, "forget_vanished", partial(forget_vanished, most=2))
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


class RenamedMeanwhile(FolderCase):
    """Another program gives the file of a message other flags, just when it was found."""

    def setUp(self) -> None:
        super().setUp()
        adding.add(self.work, "", [MESSAGE])
        tree.create(self.work, "other", "")
        self.cur = f"{self.root}/cur"
        self.left = 2  # renames that are to come
        listdir = os.listdir

        def listdir_once(path: str) -> list[str]:
            names = listdir(path)
            self.rename()
            return names

        def rename() -> None:
            (name,) = listdir(self.cur)
            base, _, flags = name.partition(":2,")
            flags = flags.replace("R", "") if "R" in flags else flags + "R"
            os.rename(f"{self.cur}/{name}", f"{self.cur}/{base}:2,{flags}")

        def named_once(*arguments: Any) -> list[file_names.NamedMessage]:
            messages = named(*arguments)
            self.rename()
            return messages

        self._rename = rename
        named = file_names.named
        for module in (file_names, flag_changes, reading, transfer):
            self.patch(module, "named", named_once)
        self.patch(os, "listdir", listdir_once)

    def rename(self) -> None:
        if self.left:
            self.left -= 1
            self._rename()

    def test_contents(self) -> None:
        self.assertEqual([1], list(reading.contents(self.work, "", [1])))

    def test_summaries(self) -> None:
        fields = [SummaryField.ENVELOPE]
        self.assertEqual([1], list(reading.summaries(self.work, "", [1], fields)))

    def test_expunge(self) -> None:
        removal.expunge(self.work, "", [1], keep=True)
        self.left = 0
        self.assertEqual([], os.listdir(self.cur))

    def test_move_and_copy(self) -> None:
        self.assertEqual([1], transfer.copy(self.work, "", [1], ".other").uids)
        self.left = 2
        self.assertEqual([1], transfer.move(self.work, "", [1], ".other").uids)

    def test_flags(self) -> None:
        """Both changes are there."""
        self.left = 3
        change = FlagChange(FlagAction.ADD, ("\\Flagged",))
        result = flag_changes.set_flags(self.work, "", [1], change, None)
        done, self.left = 3 - self.left, 0
        self.assertGreater(done, 1)
        answered, letters = (ANSWERED, "FR") if done % 2 else (0, "F")
        self.assertEqual(([answered | FLAGGED], []), (list(result.view.flags), result.expunged))
        self.assertTrue(os.listdir(self.cur)[0].endswith(f":2,{letters}"))


class FullDisk(FolderCase):
    def setUp(self) -> None:
        super().setUp()
        adding.add(self.work, "", [MESSAGE] * 30)
        refreshed(self.work, "")
        cache = self.work.cache
        (pages,) = cache.execute("PRAGMA page_count").fetchone()
        cache.execute(f"PRAGMA max_page_count = {pages}")

    def test_reading_goes_on(self) -> None:
        for number in range(2000):
            with open(f"{self.root}/new/{number}.{'x' * 100}", "wb") as file:
                file.write(b"Subject: more\r\n\r\n")
        view = attempt(self.work, lambda work: refreshed(work, "").view)
        self.assertEqual(2030, len(view.uids))
        fields = [SummaryField.ENVELOPE]
        found = attempt(self.work, lambda work: reading.summaries(work, "", view.uids, fields))
        self.assertEqual(2030, len(found))
        self.work.close()  # room again
        self.assertEqual(view.uids, refreshed(self.work, "").view.uids)

    def test_changes_leave_no_lock_and_are_made_once(self) -> None:
        other = self.opened()
        attempt(self.work, partial(adding.add, folder="", messages=[MESSAGE] * 3000))
        self.assertTrue(self.work.in_memory)
        adding.add(other, "", [MESSAGE])
        self.assertEqual(3031, len(os.listdir(f"{self.root}/cur")))
        self.assertEqual(3031, len(refreshed(self.work, "").view.uids))


class RemovedCache(FolderCase):
    def test_its_log_is_not_used_for_another_file(self) -> None:
        adding.add(self.work, "", [MESSAGE] * 3)
        path = f"{self.root}/mailhost.db"
        for name in (path, f"{path}-wal"):
            shutil.copy(name, f"{name}.kept")
        self.work.close()
        os.unlink(path)
        os.rename(f"{path}-wal.kept", f"{path}-wal")
        cache = schema.open_cache(path, 1.0).connection
        self.addCleanup(cache.close)
        self.assertEqual([], cache.execute("SELECT * FROM page").fetchall())

    def test_while_other_processes_have_it_open(self) -> None:
        """All go on with the same file, so that MODSEQ does not go back."""
        other = self.opened()
        before = attempt(other, lambda work: refreshed(work, "")).view.highest_modseq
        os.unlink(f"{self.root}/mailhost.db")
        again = attempt(self.work, lambda work: refreshed(work, "")).view.highest_modseq
        self.assertGreater(again, before)
        attempt(other, partial(adding.add, folder="", messages=[MESSAGE]))
        last = attempt(other, lambda work: refreshed(work, "")).view.highest_modseq
        self.assertGreater(last, again)

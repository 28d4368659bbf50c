"""Which mtimes of a folder prove that it is as it was read."""

from __future__ import annotations

import os
import time
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.store.cache.folder_row import FolderRow
from mailhost.store.folders.mtimes import Mtimes, dirty_until, mtimes_of


class MtimesTests(SynchronousTestCase):
    def test_a_recent_change_proves_nothing(self) -> None:
        now = time.time()
        old, recent = int((now - 5) * 1e9), int((now - 0.5) * 1e9)
        row = FolderRow(1, "", "id", 1, 1, 1, 1, new_mtime=old, cur_mtime=old, list_mtime=old)
        self.assertTrue(Mtimes(old, old, old).new_as(row, now))
        self.assertFalse(Mtimes(recent, old, old).new_as(replace(row, new_mtime=recent), now))
        self.assertEqual(dirty_until(now, Mtimes(old, old, old), 1), 0.0)
        for changed in (recent, int((now + 100) * 1e9)):
            self.assertGreater(dirty_until(now, Mtimes(old, changed, old), 1), now)

    def test_they_change_with_the_folder(self) -> None:
        folder, past = self.mktemp(), time.time() - 100
        for name in ("new", "cur"):
            os.makedirs(os.path.join(folder, name))
            os.utime(os.path.join(folder, name), (past, past))
        before = mtimes_of(folder)
        with open(os.path.join(folder, "cur", "a"), "wb"):
            pass
        after = mtimes_of(folder)
        self.assertEqual(before.new, after.new)
        self.assertNotEqual(before.cur, after.cur)

    def test_folders_that_are_missing(self) -> None:
        folder = self.mktemp()
        os.makedirs(os.path.join(folder, "new"))
        self.assertEqual(mtimes_of(folder).cur, 0)

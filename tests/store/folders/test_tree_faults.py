"""Folders that are made, renamed or removed on a full disk: as a whole, or not at all."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from mailhost.interfaces.changes import Change, MadeFolder, Results
from mailhost.store.folders import tree
from mailhost.store.folders.account_work import AccountWork, attempt
from mailhost.store.folders.adding import add
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.reading import contents
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir.dotlock import Dotlocks
from tests.store.folders.accounts import message
from tests.store.folders.mail_case import MailCase
from tests.store.folders.test_crashes import DyingSystem

NAMES = {"Old", "Old/below", "Old/below/more"}


def full(*arguments: object) -> None:
    """A cache on a full disk."""
    raise sqlite3.OperationalError("database or disk is full")


class TreeFaults(MailCase):
    def setUp(self) -> None:
        super().setUp()
        self.before = self.names()

    def names(self) -> set[str]:
        """The folders that a client sees."""
        return {each.name for each in tree.list_folders(self.work) if each.selectable}

    def full_at(self, number: int) -> tuple[AccountWork, DyingSystem]:
        """The account on a disk that is full at this call."""
        system = DyingSystem(number, errno.ENOSPC)

        def commit(changes: Sequence[Change]) -> Results:
            for change in changes:
                assert isinstance(change, MadeFolder)
                try:
                    system.called()
                    os.makedirs(change.path, exist_ok=True)
                except OSError as error:
                    return [error]
            return []

        disk = Disk(system, Dotlocks(system), commit, "mx.a.example", lambda: self.seconds)
        work = AccountWork(self.root, disk)
        self.addCleanup(work.close)
        return work, system

    def each_fault(self, act: Callable[[AccountWork], object], undo: Callable[[], object]) -> None:
        """Let each call fail. The folders are as before after a fault, and else as `act` says."""
        faults = 0
        for number in range(100):
            work, system = self.full_at(number)
            failed = False
            try:
                attempt(work, act)
            except OSError:
                failed = True
            work.close()
            if failed:
                faults += 1
                self.assertEqual(self.before, self.names(), number)
                self.assertEqual([], [*Path(self.root).glob("**/*.lock")])
                continue
            self.assertNotEqual(self.before, self.names())
            undo()
            self.assertEqual(self.before, self.names())
            if system.left >= 0:
                self.assertGreater(faults, 1)
                return
        self.fail("more calls than that")

    def test_a_folder_that_cannot_be_made_is_not_there(self) -> None:
        def act(work: AccountWork) -> None:
            made = tree.create(work, "New", "\\Junk")
            self.assertIsInstance(made, str)

        self.each_fault(act, lambda: tree.remove(self.work, "New"))

    def test_folders_are_renamed_together(self) -> None:
        for name in sorted(NAMES):
            tree.create(self.work, name, "")
            tree.subscribe(self.work, name, True)
        self.before = self.names()

        def act(work: AccountWork) -> None:
            self.assertIsNone(tree.rename(work, "Old", "New"))

        self.each_fault(act, lambda: tree.rename(self.work, "New", "Old"))
        subscribed = {each.name for each in tree.list_folders(self.work) if each.subscribed}
        self.assertLessEqual(NAMES, subscribed)

    def test_a_cache_that_cannot_be_written_is_no_fault(self) -> None:
        self.patch(tree, "write_row", full)
        self.patch(tree, "remove_folder", full)
        self.assertIsInstance(attempt(self.work, lambda work: tree.create(work, "A", "")), str)
        uid = add(self.work, ".A", [message(b"kept")]).uids[0]
        self.assertIsNone(attempt(self.work, lambda work: tree.rename(work, "A", "B")))
        self.assertEqual({"B"}, self.names() - self.before)
        found = contents(self.work, ".B", list(refreshed(self.work, ".B").view.uids))
        self.assertIn(b"kept", found[uid].read())
        self.assertIsNone(attempt(self.work, lambda work: tree.remove(work, "B")))
        self.assertEqual(self.before, self.names())

    def test_a_folder_that_was_made_and_whose_cache_cannot_be_written(self) -> None:
        commits = 0
        connection = self.work.cache

        class Full:
            """A connection that cannot commit."""

            def execute(self, text: str, *arguments: object) -> object:
                nonlocal commits
                if text == "COMMIT":
                    commits += 1
                    full()
                return connection.execute(text, *arguments)  # type: ignore[arg-type]

            def __getattr__(self, name: str) -> object:
                return getattr(connection, name)

        self.patch(self.work, "_connection", Full())
        self.assertIsInstance(attempt(self.work, lambda work: tree.create(work, "A", "")), str)
        self.assertEqual(1, commits)
        self.assertEqual({"A"}, self.names() - self.before)

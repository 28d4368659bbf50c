"""Searches of contents: from the cache, from files, and while files are renamed."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.folders import Matches, StoreRefusal, SummaryField
from mailhost.message.imap.content_keys import AllOf, FieldContains, TextContains
from mailhost.message.imap.content_search import ContentSearch
from mailhost.store.folders import matching
from mailhost.store.folders.account_thread import READINGS, AccountThreads
from mailhost.store.folders.account_work import AccountWork
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.reading import summaries
from mailhost.store.folders.refresh import refreshed
from mailhost.store.maildir.dotlock import Dotlocks

NOON, RED = TextContains("noon", headers=False), FieldContains("Subject", "red")
MAIL = b"Subject: red\n\nSee you at noon\n"  # as other programs write it, with LF


class MatchingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.root = self.mktemp()
        for name in ("new", "cur", "tmp"):
            os.makedirs(os.path.join(self.root, name))
        self.cur = Path(self.root) / "cur"
        for number in range(4):
            octets = MAIL if number % 2 else b"Subject: blue\n\nSee you at night\n"
            (self.cur / f"{number + 1}.M1P1.h:2,").write_bytes(octets)
        system = OperatingSystem()
        commit = BlockingCommitter(system).commit
        self.work = AccountWork(
            self.root, Disk(system, Dotlocks(system), commit, "h.example", time.time)
        )
        self.addCleanup(self.work.close)
        self.uids = list(refreshed(self.work, "").view.uids)

    def begin(self, key: Any, uids: Any = None) -> tuple[matching.Step, ContentSearch]:
        search = matching.search_of(key)
        return matching.begin(self.work, "", uids or self.uids, key, search), search

    def test_files_are_read(self) -> None:
        step, search = self.begin(NOON)
        self.assertEqual(self.uids, list(step.paths))
        self.assertEqual(Matches(4, self.uids[1::2]), matching.read(step, search))

    def test_the_cache_decides_where_it_can(self) -> None:
        self.assertEqual(4, len(self.begin(RED)[0].paths))
        summaries(self.work, "", self.uids, (SummaryField.SIZE,))
        step, _ = self.begin(RED)
        self.assertEqual((set(self.uids[1::2]), {}), (step.found, dict(step.paths)))
        step, search = self.begin(AllOf((NOON, RED)))
        self.assertEqual(self.uids[1::2], list(step.paths))
        self.assertEqual(Matches(4, self.uids[1::2]), matching.read(step, search))

    def test_a_step_ends_after_its_time_but_looks_at_one(self) -> None:
        step, search = self.begin(NOON)
        self.assertEqual(Matches(1, []), matching.read(step, search, seconds=-1))
        step, search = self.begin(NOON, self.uids[1:])
        self.assertEqual(Matches(1, self.uids[1:2]), matching.read(step, search, seconds=-1))

    def test_files_that_are_renamed_or_removed_meanwhile(self) -> None:
        step, search = self.begin(NOON)
        os.rename(self.cur / "2.M1P1.h:2,", self.cur / "2.M1P1.h:2,S")
        os.unlink(self.cur / "4.M1P1.h:2,")
        self.assertEqual(Matches(4, []), matching.read(step, search))
        self.assertEqual(self.uids[1::2], step.lost)
        again = matching.found_again(self.work, "", step)
        self.assertEqual([self.uids[1]], list(matching.read(again, search).uids))

    def test_large_messages(self) -> None:
        large = b"X-Long: " + b"x" * 70_000 + b"\n" + MAIL + b"line\n" * 300_000 + b"the end\n"
        path = self.cur / "1.M1P1.h:2,"
        path.write_bytes(large)
        for key in (RED, NOON, TextContains("the end", headers=True)):
            step, search = self.begin(key, self.uids[:1])
            self.assertEqual(Matches(1, self.uids[:1]), matching.read(step, search, 60), key)

    def test_other_folders_are_refused(self) -> None:
        self.assertRaises(FileNotFoundError, matching.begin, self.work, ".x", [1], NOON, None)


class BesideTests(SynchronousTestCase):
    """Readings beside the operations of an account."""

    def setUp(self) -> None:
        self.waiting: list[Deferred[Any]] = []
        self.threads = AccountThreads(Clock(), self.in_thread)

    def in_thread(self, work: Any) -> Deferred[Any]:
        waiting: Deferred[Any] = Deferred()
        waiting.addCallback(lambda _: work())
        self.waiting.append(waiting)
        return waiting

    def test_few_are_done_at_once(self) -> None:
        ends = [Deferred.fromCoroutine(self.threads.beside(lambda: 7)) for _ in range(READINGS + 1)]
        self.assertEqual(READINGS, len(self.waiting))
        self.waiting[0].callback(None)
        self.assertEqual(READINGS + 1, len(self.waiting))
        self.assertEqual(7, self.successResultOf(ends[0]))

    def test_a_file_that_cannot_be_read_is_a_refusal(self) -> None:
        def unreadable() -> None:
            raise OSError(5, "broken")

        system = OperatingSystem()
        disk = Disk(system, Dotlocks(system), lambda changes: [], "h", time.time)
        thread = AccountThreads(Clock(), execute).of(self.mktemp(), disk)
        result = self.successResultOf(Deferred.fromCoroutine(thread.beside(unreadable)))
        self.assertIsInstance(result, StoreRefusal)

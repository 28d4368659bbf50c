"""The data folder: missing, of others, full, slow."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.data_folder import (
    HANGS,
    data_folder_check,
    sync_seconds,
)
from tests.doctor.host.case import HostCase, found_by
from tests.queue.fakes import here

GIGABYTE = 10**9


def disk(free: int = 50 * GIGABYTE) -> Any:
    """A file system of 100 GB."""
    return os.statvfs_result((1, 1, 100 * GIGABYTE, free, free, 2 * 10**6, 10**6, 10**6, 0, 255))


class DataFolderTests(HostCase):
    def found(
        self, fault: str = "", sync: Callable[[str], float] = lambda _: 0.001
    ) -> Sequence[Finding]:
        self.patch(os, "statvfs", lambda _: disk())
        return found_by(data_folder_check(self.load().settings, fault, here, Clock(), sync))

    def test_fine(self) -> None:
        found = self.found()
        self.assert_fine(found)
        self.assertEqual(["50.0 GB of 100.0 GB are free", "1.0 ms"], [found[0].seen, found[2].seen])

    def test_missing(self) -> None:
        shutil.rmtree(self.data)
        self.only(self.found(), "data-folder-missing", Verdict.WARNING)

    def test_a_disk_that_is_not_mounted(self) -> None:
        os.unlink(os.path.join(self.data, "directory.sqlite"))
        finding = self.only(self.found(), "data-folder-missing")
        self.assertIn("mount its disk", finding.seen)

    def test_of_another_user(self) -> None:
        finding = self.only(self.found("it belongs to root; run: chown"), "data-folder-owner")
        self.assertEqual("it belongs to root; run: chown", finding.seen)

    def test_a_user_who_may_not_look(self) -> None:
        def refuse(path: str) -> list[str]:
            raise PermissionError(errno.EACCES, "no", path)

        self.patch(os, "listdir", refuse)
        self.only(self.found(), "rights-missing", Verdict.UNKNOWN)

    def test_slow(self) -> None:
        finding = self.only(self.found(sync=lambda _: 0.25), "disk-slow", Verdict.WARNING)
        self.assertTrue(finding.seen.startswith("250.0 ms; more than 100 ms is slow"))

    def test_a_disk_that_hangs(self) -> None:
        clock = Clock()

        def never(work: Callable[[], Any], /) -> Deferred[Any]:
            return Deferred()

        check = data_folder_check(self.load().settings, "", never, clock)

        async def run() -> Sequence[Finding]:
            return await check.run()

        running = Deferred.fromCoroutine(run())
        clock.advance(HANGS)
        found = self.successResultOf(running)
        self.only(found, "disk-slow")

    def test_one_slow_sync_of_three_is_no_finding(self) -> None:
        times = iter((0.5, 0.01, 0.02))
        self.assert_fine(self.found(sync=lambda _: next(times)))

    def test_read_only(self) -> None:
        def refuse(folder: str) -> float:
            raise OSError(errno.EROFS, "Read-only file system")

        finding = self.only(self.found(sync=refuse), "data-folder-not-writable")
        self.assertIn("Read-only file system", finding.seen)

    def test_a_full_disk_is_one_finding(self) -> None:
        settings = self.load().settings
        self.patch(os, "statvfs", lambda _: disk(0))
        check = data_folder_check(settings, "", here, Clock(), lambda _: 9.0)
        self.only(found_by(check), "disk-space-low")

    def test_a_real_sync_leaves_nothing(self) -> None:
        before = os.listdir(self.data)
        self.assertGreater(sync_seconds(self.data), 0)
        self.assertEqual(before, os.listdir(self.data))

"""A recovery takes work in proportion to the records: counted in system calls, and in names that
are listed, without a clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log.records import Kind, NewRecord
from mailhost.durable.log.recovery import begin, recover
from tests.durable.log.forgetful_disk import ForgetfulDisk
from tests.durable.log.world import DATA

SEGMENT = 1 << 17  # octets
NUMBERS = (50, 100, 200)  # of files
MOST = 20  # calls for a file


class _CountingDisk(ForgetfulDisk):
    """Counts the names that are listed as calls too."""

    def list_names(self, folder: str) -> list[str]:
        names = super().list_names(folder)
        self.calls += ["listed"] * len(names)
        return names


class LinearTests(SynchronousTestCase):
    def calls(self, records: list[list[NewRecord]], *folders: str) -> Counter[str]:
        """Which calls a recovery makes after a power cut that took all files."""
        disk = _CountingDisk(Random(1), *(f"{DATA}/mail/a/ann/{each}" for each in folders))
        log = begin(disk, DATA, SEGMENT)
        for some in records:
            log.append(some)
        disk.cut_power()
        disk.calls.clear()
        recover(disk, DATA, lambda line: None, SEGMENT)
        return Counter(call.split()[0] for call in disk.calls)

    def check(self, calls: Sequence[Counter[str]]) -> None:
        """Twice as many records need twice as many calls, and at most MOST for each."""
        few, some, many = (each.total() for each in calls)
        self.assertEqual(2 * (some - few), many - some)
        self.assertLessEqual(many - some, MOST * (NUMBERS[2] - NUMBERS[1]))
        self.assertEqual(*(each["sync_everything"] for each in calls[1:]))

    def test_files_that_are_missing(self) -> None:
        def records(number: int) -> list[list[NewRecord]]:
            return [
                [NewRecord(Kind.FILE, f"mail/a/ann/new/m{each}".encode(), (b"x" * 200,))]
                for each in range(number)
            ]

        self.check([self.calls(records(each), "new", "cur") for each in NUMBERS])

    def test_files_in_many_folders(self) -> None:
        folders = [f".F{number}/{name}" for number in range(20) for name in ("new", "cur")]

        def records(number: int) -> list[list[NewRecord]]:
            return [
                [NewRecord(Kind.FILE, f"mail/a/ann/.F{each % 20}/new/m{each}".encode(), (b"x",))]
                for each in range(number)
            ]

        self.check([self.calls(records(each), *folders) for each in NUMBERS])

    def test_files_that_were_removed(self) -> None:
        def records(number: int) -> list[list[NewRecord]]:
            paths = [f"mail/a/ann/new/m{each}".encode() for each in range(number)]
            new = [NewRecord(Kind.FILE, path, (b"x",)) for path in paths]
            return [new[:100], new[100:], [NewRecord(Kind.GONE, path) for path in paths]]

        self.check([self.calls(records(each), "new", "cur") for each in NUMBERS])

    def test_entries_of_the_queue(self) -> None:
        def records(number: int) -> list[list[NewRecord]]:
            return [
                [NewRecord(Kind.FILE, f"queue/{each}.msg".encode(), (b"x",))]
                for each in range(number)
            ]

        self.check([self.calls(records(each), "new") for each in NUMBERS])

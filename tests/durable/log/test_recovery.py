"""Logs that were left: many records, damage, another data folder, a newer format, a full disk."""

from __future__ import annotations

import errno
import os
import time
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log import segments
from mailhost.durable.log.log import Log
from mailhost.durable.log.records import Kind, NewRecord
from mailhost.durable.log.recovery import begin, recover
from mailhost.durable.log.segments import MAGIC, BadLog, segment_files
from mailhost.durable.system import OperatingSystem
from tests.durable.log.forgetful_disk import ForgetfulDisk
from tests.durable.log.world import DATA, SEGMENT

ANN = "mail/a/ann"
LONG = os.environ.get("MAILHOST_TEST_EXAMPLES") == "long"
MANY = 100_000 if LONG else 3_000  # records
SECONDS = 600.0 if LONG else 20.0  # for their recovery, on a slow machine


def new(name: str, body: bytes = b"octets") -> NewRecord:
    """The record of a message."""
    return NewRecord(Kind.FILE, f"{ANN}/new/{name}".encode(), (body,), 1_700_000_000_000_000_000)


class RecoveryTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.disk = ForgetfulDisk(Random(1), f"{DATA}/{ANN}/new", f"{DATA}/{ANN}/cur")
        self.lines: list[str] = []

    def left(self, *writes: list[NewRecord]) -> Log:
        """Have a log with these records, of a machine that lost its power."""
        log = begin(self.disk, DATA, SEGMENT)
        for records in writes:
            log.append(records)
        self.disk.cut_power()
        return log

    def recover(self) -> dict[str, bytes]:
        """Recover, and return the files of the account."""
        recover(self.disk, DATA, self.lines.append, SEGMENT)
        files = self.disk.files()
        return {path[len(DATA) + 1 :]: files[path] for path in files if f"/{ANN}/" in path}

    def segment(self) -> bytearray:
        """The segment that has records."""
        inode = max(
            (self.disk.names[path] for path in segment_files(self.disk, f"{DATA}/log")),
            key=lambda inode: len(bytes(inode.data).rstrip(b"\0")) if inode else 0,
        )
        assert inode is not None
        return inode.data

    # --- what comes back -------------------------------------------------------------------------

    def test_what_is_missing_is_made_and_what_is_gone_is_removed(self) -> None:
        gone = NewRecord(Kind.GONE, f"{ANN}/cur/old:2,S".encode())
        self.disk.sync(self.disk.create(f"{DATA}/{ANN}/new/old"))
        self.disk.sync_folder(f"{DATA}/{ANN}/new")
        self.left([new("one")], [gone, new("two")])
        files = self.recover()
        self.assertEqual({f"{ANN}/new/one": b"octets", f"{ANN}/new/two": b"octets"}, files)
        self.assertEqual(1, len(self.lines))
        self.assertIn("restored 2 files, mended 0, and removed 1", self.lines[0])

    def test_what_a_reader_moved_is_mended_where_it_is(self) -> None:
        for folder in ("cur", ".Archive/cur", "mailhost-expunged/12,"):
            with self.subTest(folder=folder):
                self.disk = ForgetfulDisk(Random(1), f"{DATA}/{ANN}/{folder}")
                path = f"{DATA}/{ANN}/{folder}/one:2,S"
                fd = self.disk.create(path)
                self.disk.write(fd, [b"oct\0\0\0"])
                self.disk.sync_file_system(fd)
                self.left([new("one")])
                self.assertEqual({path[len(DATA) + 1 :]: b"octets"}, self.recover())

    def test_the_last_record_of_a_file_counts(self) -> None:
        gone = NewRecord(Kind.GONE, f"{ANN}/cur/one:2,S".encode())
        self.left([new("one"), new("two")], [gone])
        self.assertEqual([f"{ANN}/new/two"], list(self.recover()))

    def test_a_second_recovery_changes_nothing(self) -> None:
        self.left([new("one")])
        files = self.recover()
        self.lines.clear()
        self.disk.cut_power()
        self.assertEqual(files, self.recover())
        self.assertEqual([], self.lines)

    def test_no_record_leads_out_of_the_data_folder(self) -> None:
        self.left([NewRecord(Kind.FILE, b"../etc/passwd", (b"x",))])
        self.recover()
        self.assertNotIn("/etc/passwd", self.disk.files())

    def test_without_a_log_nothing_is_done(self) -> None:
        recover(self.disk, DATA, self.fail, SEGMENT)
        self.assertNotIn(f"{DATA}/log", self.disk.names)

    # --- damage ----------------------------------------------------------------------------------

    def test_a_damaged_record_is_named_and_its_neighbours_are_saved(self) -> None:
        self.left([new("one")], [new("two")], [new("three")])
        octets = self.segment()
        octets[octets.find(b"new/two") + 8] ^= 1
        self.assertEqual({f"{ANN}/new/one", f"{ANN}/new/three"}, set(self.recover()))
        self.assertIn("is damaged at the octets", self.lines[0])

    def test_a_torn_record_at_the_end_ends_it(self) -> None:
        self.left([new("one")], [new("two")])
        octets = self.segment()
        octets[octets.find(b"new/two") + 8] ^= 1
        self.assertEqual({f"{ANN}/new/one"}, set(self.recover()))
        self.assertIn("restored 1", self.lines[0])

    def test_a_damaged_head(self) -> None:
        self.left([new("one")])
        octets = self.segment()
        octets[octets.find(MAGIC) + 30] ^= 1
        self.assertEqual({f"{ANN}/new/one"}, set(self.recover()))
        self.assertIn("the head of", self.lines[0])

    def test_the_end_of_a_segment_that_is_full_is_damaged(self) -> None:
        self.left(*([new(f"m{number}", bytes(700))] for number in range(12)))
        paths = segment_files(self.disk, f"{DATA}/log")
        octets = next(
            inode.data
            for inode in (self.disk.names[path] for path in paths)
            if inode is not None and b"new/m0" in inode.data
        )
        last = octets.rfind(b"MHWL")
        octets[last + 60] ^= 1
        self.assertEqual(11, len(self.recover()))
        self.assertIn("is damaged behind the octet", self.lines[0])

    # --- logs that cannot be used ----------------------------------------------------------------

    def test_the_log_of_another_data_folder(self) -> None:
        self.left([new("one")])
        inode = self.disk.names[f"{DATA}/log-id"]
        assert inode is not None
        inode.data = bytearray(b"00" * 16 + b"\n")
        with self.assertRaisesRegex(BadLog, "/data/log/0 is the log of another data folder: move"):
            self.recover()

    def test_the_id_is_missing(self) -> None:
        self.left([new("one")])
        self.disk.remove(f"{DATA}/log-id")
        with self.assertRaisesRegex(BadLog, "log-id is missing.*restore the file from a backup"):
            self.recover()

    def test_a_newer_format(self) -> None:
        newer = self.patch(segments, "VERSION", 2)
        self.left([new("one")])
        newer.restore()
        with self.assertRaisesRegex(BadLog, "version 2 of the log's format.*start the newer"):
            self.recover()

    def test_a_full_disk_keeps_the_log(self) -> None:
        self.left([new("one")])
        self.disk.fail_at, self.disk.failures, self.disk.only = 0, 1 << 30, "write"
        self.disk.error = OSError(errno.ENOSPC, "No space left on device")
        with self.assertRaisesRegex(BadLog, f"{ANN}/new/one.*make room on the disk"):
            self.recover()
        self.disk.kill()
        self.assertEqual({f"{ANN}/new/one": b"octets"}, self.recover())

    def test_a_file_system_that_takes_no_log_any_more(self) -> None:
        self.left([new("one")])
        self.disk.writes_durably = False
        self.assertEqual({f"{ANN}/new/one": b"octets"}, self.recover())
        self.assertEqual([], segment_files(self.disk, f"{DATA}/log"))
        self.disk.cut_power()
        self.assertEqual({f"{ANN}/new/one": b"octets"}, self.recover())


class ManyTests(SynchronousTestCase):
    """With the real calls."""

    def test_many_records_are_recovered_in_a_bounded_time(self) -> None:
        data = os.path.abspath(self.mktemp())
        os.makedirs(f"{data}/{ANN}/new")
        system = OperatingSystem()
        size = 1 << 27 if LONG else 1 << 22
        log = begin(system, data, size)
        for start in range(0, MANY, 100):
            log.append([new(f"m{number}", b"x" * 500) for number in range(start, start + 100)])
        log.close()
        self.patch(OperatingSystem, "run_of", lambda system, fd: b"another run".ljust(16))
        lines: list[str] = []
        begun = time.monotonic()
        recover(system, data, lines.append, size)
        self.assertLess(time.monotonic() - begun, SECONDS)
        self.assertIn(f"restored {MANY} files", lines[0])
        self.assertEqual(MANY, len(os.listdir(f"{data}/{ANN}/new")))

"""Each call fails once, for each kind of work; each call is the last one before a power cut."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Sequence
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.log.recovery import recover
from mailhost.durable.log.writer_log import WriterLog
from mailhost.interfaces.changes import Change, NewFile, RemovedFile, RenamedFile
from mailhost.message.content import Content
from tests.durable.fake_disk import Crash
from tests.durable.log.forgetful_disk import ForgetfulDisk
from tests.durable.log.world import DATA, SEGMENT, Later

INBOX = f"{DATA}/mail/a/ann"
QUEUE = f"{DATA}/queue"
OLD = f"{QUEUE}/old.msg"
STATE = f"{QUEUE}/1.state"


def new(name: str) -> NewFile:
    """A message."""
    return NewFile(f"{INBOX}/tmp/{name}", f"{INBOX}/new/{name}", (Content((name.encode() * 9,)),))


STEPS: tuple[tuple[Change, ...], ...] = (
    (new("one"), new("two"), RemovedFile(OLD)),
    (NewFile(f"{STATE}.tmp", STATE, (Content((b"state" * 9,)),), replaces=True), new("three")),
    (RenamedFile(f"{INBOX}/new/three", f"{INBOX}/cur/3:2,S"), new("four")),
)
CONTENTS = {f"{INBOX}/new/{name}": name.encode() * 9 for name in ("one", "two", "three", "four")}


class Rig:
    """A disk with an old file, and a writer whose log is ready."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.disk = ForgetfulDisk(
            self.random, f"{INBOX}/new", f"{INBOX}/tmp", f"{INBOX}/cur", QUEUE
        )
        fd = self.disk.create(OLD)
        self.disk.sync_file_system(fd)
        self.lines: list[str] = []
        self.now = 0.0
        self.start_writer()
        assert self.writer.on
        self.results: dict[Change, OSError | None] = {}
        self.disk.calls.clear()

    def start_writer(self) -> None:
        """Start a writer; the one before it is dead."""
        self.disk.locks.clear()
        later = Later(self.random)
        self.writer = WriterLog(
            self.disk, DATA, set(), later, self.lines.append, lambda: self.now, SEGMENT
        )
        self.writer.turn()
        self.writer.end()

    def run(self, steps: Sequence[Sequence[Change]] = STEPS, seconds: float = 1.0) -> None:
        """Make all changes, with a checkpoint between the steps if a second passes."""
        for changes in steps:
            self.results |= dict(zip(changes, self.writer.run(changes), strict=True))
            self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        self.writer.turn()
        if self.writer.wait is None:
            self.writer.end()

    def settle(self, names: Collection[str]) -> None:
        """Settle names, as another process does."""
        answers: list[OSError | None] = []
        self.writer.settle(names, answers.append)
        while not answers:
            self.writer.end()
        if answers[0] is not None:
            raise answers[0]

    def files(self) -> dict[str, bytes]:
        """What is there after a power cut."""
        self.disk.cut_power()
        recover(self.disk, DATA, self.lines.append, SEGMENT)
        files = self.disk.files()
        return {path: files[path] for path in files if "/log" not in path and "tmp" not in path}


class FaultTests(SynchronousTestCase):
    def every_call(self) -> range:
        rig = Rig(1)
        rig.run()
        self.assertEqual({None}, set(rig.results.values()))
        return range(len(rig.disk.calls))

    def check(self, rig: Rig, files: dict[str, bytes], call: str) -> None:
        """What was answered is so, and what failed has left nothing."""
        moved = rig.results.get(STEPS[2][0], OSError()) is None
        for change, error in rig.results.items():
            if isinstance(change, RemovedFile):
                self.assertEqual(change.path in files, error is not None, call)
            elif isinstance(change, NewFile) and not change.replaces:
                path = change.final
                if moved and path.endswith("three"):
                    path = f"{INBOX}/cur/3:2,S"
                octets = CONTENTS[change.final] if error is None else None
                self.assertEqual(octets, files.get(path), call)
            elif change is STEPS[1][0] and error is None:
                self.assertEqual(b"state" * 9, files.get(STATE), call)

    def test_each_call_fails_once(self) -> None:
        for number in self.every_call():
            for code in (errno.EIO, errno.ENOSPC):
                rig = Rig(number)
                rig.disk.fail_at, rig.disk.error = number, OSError(code, os.strerror(code))
                rig.run()
                call = rig.disk.calls[number]
                self.check(rig, rig.files(), call)

    def test_each_call_fails_once_and_no_checkpoint_follows(self) -> None:
        """So a change that failed has no record of the log that counts."""
        for number in range(60):
            for code in (errno.EIO, errno.ENOSPC):
                rig = Rig(number)
                rig.disk.fail_at, rig.disk.error = number, OSError(code, os.strerror(code))
                rig.run(STEPS[:2], 0.0)
                self.check(rig, rig.files(), str(number))

    def test_the_log_is_used_again_after_a_fault(self) -> None:
        for number in self.every_call():
            rig = Rig(number)
            rig.disk.fail_at = number
            rig.run()
            for _ in range(3):
                rig.pass_time(20.0)
            self.assertTrue(rig.writer.on, rig.disk.calls[number])
            off = [line for line in rig.lines if "not used for now" in line]
            on = [line for line in rig.lines if "used again" in line]
            self.assertEqual(len(on), len(off))
            self.assertLess(len(off), 2)

    def test_the_power_fails_at_each_call(self) -> None:
        for number in self.every_call():
            rig = Rig(number)
            rig.disk.crash_at = number
            self.assertRaises(Crash, rig.run)
            files = rig.files()
            for change, error in rig.results.items():
                self.assertIsNone(error)
                if isinstance(change, RemovedFile):
                    self.assertNotIn(change.path, files)
                elif isinstance(change, NewFile) and change.final in CONTENTS:
                    found = [each for each in files.values() if each == CONTENTS[change.final]]
                    self.assertEqual(1, len(found), (number, change.final))
            for path, octets in files.items():
                if path in CONTENTS:
                    self.assertEqual(CONTENTS[path], octets)

    def test_the_power_fails_at_each_call_of_the_recovery(self) -> None:
        for number in range(1000):
            rig = Rig(number)
            for changes in STEPS[:2]:
                rig.results |= dict(zip(changes, rig.writer.run(changes), strict=True))
            rig.disk.cut_power()
            rig.disk.crash_at = len(rig.disk.calls) + number
            try:
                recover(rig.disk, DATA, rig.lines.append, SEGMENT)
            except Crash:
                self.check(rig, rig.files(), str(number))
            else:
                self.assertGreater(number, 10)
                return

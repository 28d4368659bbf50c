"""Processes settle names with a real writer, and by themselves where there is none."""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SkipTest, TestCase

from mailhost.durable.batch_times import LogState, new_batch_times
from mailhost.durable.log.log import why_no_log
from mailhost.durable.log.reading import LogContents, read_log
from mailhost.durable.log.records import Kind
from mailhost.durable.log.recovery import begin, recover
from mailhost.durable.log.settling import Settling
from mailhost.durable.system import OperatingSystem
from mailhost.durable.writer import Writer, listen
from mailhost.interfaces.changes import NewFile
from mailhost.message.content import Content
from tests.end_to_end.running import short_folder


def contents(data: Path) -> LogContents:
    """What the log has since its last checkpoint."""
    id = bytes.fromhex((data / "log-id").read_text())
    return read_log(OperatingSystem(), str(data / "log"), id)


class SettlingTests(TestCase):
    def setUp(self) -> None:
        self.data = short_folder(self)
        self.system = OperatingSystem()
        if why_no_log(self.system, str(self.data)):
            raise SkipTest("the file system here takes no log")
        self.settle = Settling(self.system, str(self.data))
        for name in ("new", "tmp"):
            (self.data / "mail" / name).mkdir(parents=True)

    def start(self) -> Writer:
        """Run a writer in a thread, until the test ends."""
        life, head = os.pipe()
        self.times = new_batch_times()
        self.addCleanup(os.close, self.times.fd)
        path = str(self.data / "writer.sock")
        writer = Writer(self.system, listen(path), life, self.times, str(self.data))
        thread = Thread(target=writer.serve)
        thread.start()

        def stop() -> None:
            os.close(head)
            thread.join()
            os.close(life)
            writer.close()

        self.stop = stop
        deadline = time.monotonic() + 30
        while self.times.log is not LogState.ON and time.monotonic() < deadline:
            self.settle(("nothing",))  # wakes it
        return writer

    def write(self, name: str) -> None:
        """Have the writer make a message, from the thread of its loop: the socket is not needed."""
        folder = self.data / "mail"
        change = NewFile(f"{folder}/tmp/{name}", f"{folder}/new/{name}", (Content((b"octets",)),))
        log = self.writer._log
        assert log is not None
        self.assertEqual([None], log.run([change]))

    def test_a_name_in_the_log_is_settled_by_a_checkpoint(self) -> None:
        self.writer = self.start()
        try:
            self.write("one")
            self.settle(("other",))
            found = contents(self.data).records
            self.assertEqual(
                [(Kind.FILE, b"mail/new/one")], [(each.kind, each.path) for each in found]
            )
            self.settle(("one",))
            self.assertEqual((), contents(self.data).records)
        finally:
            self.stop()

    def test_all_is_settled_when_the_writer_stops(self) -> None:
        self.writer = self.start()
        self.write("one")
        self.stop()
        self.assertEqual((), contents(self.data).records)

    def test_without_a_log_there_is_nothing_to_settle(self) -> None:
        self.settle(("one",))
        self.assertFalse((self.data / "log").exists())

    def left(self) -> None:
        """A log that a dead writer left, with a message that is not on the disk."""
        self.writer = self.start()
        self.write("one")
        segment = self.data / "log" / "0"
        octets = segment.read_bytes()
        self.stop()
        for other in ("1", "2"):
            (self.data / "log" / other).unlink()
        segment.write_bytes(octets)
        (self.data / "mail/new/one").unlink()
        os.unlink(self.data / "writer.sock")

    def crash(self) -> None:
        """The machine starts again."""
        self.patch(OperatingSystem, "run_of", lambda system, fd: b"another run".ljust(16))

    def test_without_a_writer_and_a_host_the_log_is_replayed(self) -> None:
        self.left()
        self.crash()
        self.settle(("one",))
        self.assertEqual(b"octets", (self.data / "mail/new/one").read_bytes())
        self.assertEqual((), contents(self.data).records)

    def test_without_a_writer_but_with_a_host_nothing_comes_back(self) -> None:
        self.left()
        host = self.system.try_lock(str(self.data / "lock"))
        assert host is not None
        self.addCleanup(os.close, host)
        self.settle(("one",))
        self.assertFalse((self.data / "mail/new/one").exists())
        self.assertEqual((), contents(self.data).records)

    def test_while_another_process_has_the_log_it_fails_for_now(self) -> None:
        log = begin(self.system, str(self.data))
        now = iter(range(1000))
        settle = Settling(self.system, str(self.data), lambda: next(now), lambda seconds: None)
        with self.assertRaisesRegex(OSError, "no writer can be reached"):
            settle(("one",))
        log.close()
        settle(("one",))

    def test_after_a_kill_what_another_program_removed_stays_removed(self) -> None:
        self.left()
        recover(self.system, str(self.data), self.fail)
        self.assertFalse((self.data / "mail/new/one").exists())

    def test_the_real_calls_recover_a_log(self) -> None:
        self.left()
        self.crash()
        lines: list[str] = []
        recover(self.system, str(self.data), lines.append)
        self.assertEqual(b"octets", (self.data / "mail/new/one").read_bytes())
        self.assertEqual(1, len(lines))
        self.assertIn("restored 1 files", lines[0])

"""Dovecot's lock of a file: who has it, who waits, and whose lock is removed."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import STEP_BACK, Dotlock, Dotlocks, LockTimeout, Times
from tests.store.maildir.faulty import FaultySystem

HOSTNAME = socket.gethostname()


class Clock:
    """A clock that pauses turn. `on_pause` is called at each of them."""

    def __init__(self) -> None:
        self.now = time.time()
        self.steady = 0.0
        self.pauses: list[float] = []
        self.on_pause = lambda: None

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        self.steady += seconds
        self.on_pause()

    def times(self) -> Times:
        return Times(lambda: self.now, lambda: self.steady, self.pause)


class DotlockCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = self.mktemp()
        os.makedirs(folder)
        self.path = os.path.join(os.path.realpath(folder), "dovecot-uidlist")
        self.lock = Path(f"{self.path}.lock")
        self.clock = Clock()
        self.dotlocks = Dotlocks(OperatingSystem(), self.clock.times())

    def left(self, text: str, age: float = 0.0) -> None:
        """A lock of another program, so many seconds old, on a file as old."""
        self.lock.write_text(text)
        Path(self.path).touch()
        self.clock.now = time.time() + age

    def dead(self) -> int:
        """The PID of a process that is gone."""
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        return process.pid


class HoldingTests(DotlockCase):
    def test_the_file_says_who_has_it(self) -> None:
        with self.dotlocks.take(self.path) as lock:
            self.assertEqual(self.lock.read_text(), f"{os.getpid()}:{HOSTNAME}")
            self.assertTrue(lock.held())
        self.assertFalse(self.lock.exists())
        self.assertFalse(lock.held())
        lock.release()

    def test_it_is_released_after_an_error(self) -> None:
        lock = self.dotlocks.take(self.path)
        with self.assertRaises(KeyError), lock:
            dict[str, str]()["missing"]
        self.assertFalse(self.lock.exists())

    def test_a_lock_that_another_program_took_over_stays(self) -> None:
        with self.dotlocks.take(self.path) as lock:
            self.lock.unlink()
            self.lock.write_text("1:elsewhere")
            self.assertFalse(lock.held())
            self.assertRaises(LockTimeout, lock.check)
        self.assertEqual(self.lock.read_text(), "1:elsewhere")

    def test_touch(self) -> None:
        with self.dotlocks.take(self.path) as lock:
            before = self.lock.stat().st_mtime
            self.clock.pause(0.5)
            lock.touch()
            self.assertEqual(self.lock.stat().st_mtime, before)
            self.clock.pause(100)
            lock.touch()
            self.assertLess(abs(self.lock.stat().st_mtime - self.clock.now), 1)

    def test_no_folder(self) -> None:
        self.assertRaises(FileNotFoundError, self.dotlocks.take, "/nowhere/there/list")

    def test_no_room(self) -> None:
        system = FaultySystem()
        system.fail_at = 0
        with self.assertRaises(OSError) as caught:
            Dotlocks(system).take(self.path)
        self.assertEqual(caught.exception.errno, errno.ENOSPC)

    def test_no_room_for_the_pid(self) -> None:
        system = FaultySystem()
        system.fail_at = 1
        with Dotlocks(system).take(self.path) as lock:
            self.assertTrue(lock.held())
        self.assertFalse(self.lock.exists())


class WaitingTests(DotlockCase):
    def test_a_lock_that_is_held_is_waited_for(self) -> None:
        self.left(f"1:{HOSTNAME}")
        begin = self.clock.steady
        self.assertRaises(LockTimeout, self.dotlocks.take, self.path, 5.0)
        self.assertLess(abs(self.clock.steady - begin - 5.0), 0.1)
        self.assertLess(len(self.clock.pauses), 2000)
        self.assertTrue(self.lock.exists())

    def test_one_attempt(self) -> None:
        self.left(f"1:{HOSTNAME}")
        self.assertRaises(LockTimeout, self.dotlocks.take, self.path, 0)
        self.assertEqual(self.clock.pauses, [])

    def test_it_is_taken_once_it_is_released(self) -> None:
        self.left(f"1:{HOSTNAME}")
        self.clock.on_pause = lambda: self.lock.unlink(missing_ok=True)
        with self.dotlocks.take(self.path) as lock:
            self.assertTrue(lock.held())
        self.assertEqual(len(self.clock.pauses), 1)

    def test_threads_of_one_process_keep_each_other_out(self) -> None:
        held: list[Dotlock] = []
        dotlocks = Dotlocks(OperatingSystem())
        most = 0

        def run() -> None:
            nonlocal most
            for _ in range(20):
                with dotlocks.take(self.path) as lock:
                    held.append(lock)
                    most = max(most, len(held))
                    held.remove(lock)

        threads = [Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(most, 1)

    def test_one_waits_at_the_lock_and_the_others_behind_it(self) -> None:
        self.left(f"1:{HOSTNAME}")
        attempts: list[type[BaseException]] = []

        def second() -> None:
            self.clock.on_pause = lambda: None
            other = Dotlocks(OperatingSystem(), Clock().times())
            self.lock.unlink()
            try:
                other.take(self.path, 0)
            except LockTimeout as error:
                attempts.append(type(error))

        self.clock.on_pause = second
        with self.dotlocks.take(self.path):
            self.assertEqual(attempts, [LockTimeout])

    def test_a_holder_leaves_the_lock_to_those_who_wait(self) -> None:
        lock = self.dotlocks.take(self.path)
        lock.release()
        self.assertEqual(self.clock.pauses, [])
        lock = self.dotlocks.take(self.path)
        waiting = os.open(os.path.dirname(self.path), os.O_RDONLY)
        fcntl.flock(waiting, fcntl.LOCK_EX)
        lock.release()
        os.close(waiting)
        self.assertEqual(self.clock.pauses, [STEP_BACK])


class StaleTests(DotlockCase):
    def taken(self) -> bool:
        """True where the lock can be had at once."""
        try:
            self.dotlocks.take(self.path, 0.05).release()
        except LockTimeout:
            return False
        return True

    def test_the_lock_of_a_dead_process(self) -> None:
        self.left(f"{self.dead()}:{HOSTNAME}")
        self.assertTrue(self.taken())
        self.assertEqual(len(self.clock.pauses), 1)  # for others that remove it too

    def test_the_lock_of_another_host(self) -> None:
        pid = self.dead()
        for age, taken in ((100, False), (121, True)):
            self.left(f"{pid}:elsewhere", age)
            self.assertEqual(self.taken(), taken)

    def test_a_lock_that_says_nothing(self) -> None:
        for text in (
            "x",
            "12",
            ":",
            f"x:{HOSTNAME}",
            f"0:{HOSTNAME}",
            f"99999999999:{HOSTNAME}",
        ):
            for age, taken in ((100, False), (121, True)):
                self.left(text, age)
                self.assertEqual(self.taken(), taken, text)

    def test_the_lock_of_a_living_process(self) -> None:
        """Dovecot would wait for it for ever; its own locks are touched, or their file changes."""
        for age, taken in ((100, False), (121, True)):
            self.left(f"{os.getppid()}:{HOSTNAME}", age)
            self.assertEqual(self.taken(), taken)

    def test_a_lock_whose_maker_was_killed_before_it_wrote_its_pid(self) -> None:
        for age, taken in ((1, False), (3, True)):
            self.left("", age)
            self.assertEqual(self.taken(), taken)

    def test_the_lock_of_a_dead_process_whose_pid_another_one_has(self) -> None:
        process = subprocess.Popen(["sleep", "60"])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        for made_before, taken in ((0, False), (10, True)):
            self.left(f"{process.pid}:{HOSTNAME}", 3)
            made = time.time() - made_before
            os.utime(self.lock, (made, made))
            self.assertEqual(self.taken(), taken)

    def test_a_file_that_changes_keeps_its_lock(self) -> None:
        self.left("1:elsewhere", 121)
        os.utime(self.path, (self.clock.now, self.clock.now))
        self.assertFalse(self.taken())

    def test_one_that_an_earlier_process_of_the_same_pid_left(self) -> None:
        self.left(f"{os.getpid()}:{HOSTNAME}")
        self.assertTrue(self.taken())

    def test_a_lock_that_is_held_by_this_process(self) -> None:
        lock = self.dotlocks.take(self.path)
        self.clock.pause(1000)
        self.assertFalse(self.taken())
        self.assertTrue(lock.held())
        lock.release()

    def test_the_clock_was_set_back(self) -> None:
        self.left("1:elsewhere", -1000)
        self.assertFalse(self.taken())
        self.dotlocks.take(self.path, 200).release()

    def test_a_lock_that_is_touched_while_it_is_watched(self) -> None:
        self.left("1:elsewhere")
        self.clock.on_pause = lambda: os.utime(self.lock, (self.clock.now, self.clock.now))
        self.assertRaises(LockTimeout, self.dotlocks.take, self.path, 300)

    def test_a_lock_that_was_replaced_when_it_is_to_be_removed(self) -> None:
        """Between the judgement and the removal another program took it."""
        self.left(f"{self.dead()}:{HOSTNAME}")
        system = OperatingSystem()
        dotlocks = Dotlocks(system, self.clock.times())
        owner = dotlocks.owner

        def replaced(lock_path: str) -> int | None:
            found = owner(lock_path)
            self.lock.unlink()
            self.lock.write_text(f"1:{HOSTNAME}")
            self.patch(dotlocks, "owner", owner)
            return found

        self.patch(dotlocks, "owner", replaced)
        self.assertRaises(LockTimeout, dotlocks.take, self.path, 1.0)
        self.assertEqual(self.lock.read_text(), f"1:{HOSTNAME}")


COMPETITOR = """
import sys, time
from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import Dotlocks
dotlocks, path = Dotlocks(OperatingSystem()), sys.argv[1]
print("ready", flush=True)
sys.stdin.readline()
end, count = time.monotonic() + 0.5, 0
while time.monotonic() < end:
    with dotlocks.take(path):
        count += 1
        time.sleep(0.001)
print(count)
"""


class FairnessTests(DotlockCase):
    def test_processes_that_compete_all_get_it(self) -> None:
        """Each wants it all the time; none gets less than a third of its share."""
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", COMPETITOR, self.path],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        counts = []
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            output, _ = process.communicate()
            counts.append(int(output))
        self.assertGreater(min(counts) * 9, sum(counts), counts)

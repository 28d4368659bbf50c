"""Locks: one holder over all processes, gone with its holder, whatever way it goes."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.store import ILock
from mailhost.store.lock import try_lock
from tests.fakes import now
from tests.store.boxes import ANN, BOB, StoreCase, failure_of

HOLD = """
import sys
from mailhost.store.lock import try_lock
lock = try_lock(sys.argv[1])
print("locked" if lock else "refused", flush=True)
sys.stdin.read()
"""


class FileLockTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.abspath(self.mktemp())

    def test_a_file_system_without_locks(self) -> None:
        def flock(fd: int, operation: int) -> None:
            self.fd = fd
            raise OSError(errno.ENOLCK, "No locks available")

        self.patch(fcntl, "flock", flock)
        error = self.assertRaises(OSError, try_lock, self.path)
        self.assertEqual(errno.ENOLCK, error.errno)
        self.assertRaises(OSError, os.fstat, self.fd)  # it was closed

    def test_one_holder_at_a_time(self) -> None:
        first = try_lock(self.path)
        assert first is not None
        self.assertIsNone(try_lock(self.path))
        first.release()
        self.assertIsNotNone(try_lock(self.path))

    def test_released_again_does_nothing_to_the_next_holder(self) -> None:
        first = try_lock(self.path)
        assert first is not None
        first.release()
        second = try_lock(self.path)
        first.release()
        self.assertIsNotNone(second)
        self.assertIsNone(try_lock(self.path))

    def test_gone_with_the_object(self) -> None:
        lock = try_lock(self.path)
        self.assertIsNotNone(lock)
        del lock
        self.assertIsNotNone(try_lock(self.path))

    def test_gone_with_the_process(self) -> None:
        holder = self.process(sys.executable, "-c", HOLD, self.path)
        assert holder.stdout is not None
        self.assertEqual(holder.stdout.readline(), b"locked\n")
        self.assertIsNone(try_lock(self.path))
        holder.kill()
        holder.wait()
        self.assertIsNotNone(try_lock(self.path))

    def test_programs_that_we_start_do_not_keep_it(self) -> None:
        lock = try_lock(self.path)
        assert lock is not None
        self.process("cat")
        lock.release()
        self.assertIsNotNone(try_lock(self.path))

    def test_a_link_is_not_followed(self) -> None:
        os.symlink(self.path + ".target", self.path)
        self.assertRaises(OSError, try_lock, self.path)
        self.assertFalse(os.path.lexists(self.path + ".target"))

    def test_a_failure_leaves_no_descriptor_open(self) -> None:
        os.mkdir(self.path)
        before = os.listdir("/dev/fd")
        with self.assertRaises(IsADirectoryError):
            try_lock(self.path)
        held = try_lock(self.path + ".lock")
        self.assertIsNone(try_lock(self.path + ".lock"))
        del held
        self.assertEqual(os.listdir("/dev/fd"), before)

    def process(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program that lives until its input ends, or the test does."""
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
        )

        def end() -> None:
            process.communicate()  # closes its input

        self.addCleanup(end)
        return process


class MailboxLockTests(StoreCase):
    def lock(self) -> ILock | None:
        """Lock Ann's inbox."""
        return now(self.store.exclusive(ANN).lock())

    def test_two_sessions(self) -> None:
        first = self.lock()
        assert first is not None
        self.assertIsNone(self.lock())
        self.assertIsNone(now(self.new_store().exclusive(ANN).lock()))
        first.release()
        self.assertIsNotNone(self.lock())

    def test_each_mailbox_has_its_own(self) -> None:
        locks = [self.lock(), now(self.store.exclusive(BOB).lock())]
        self.assertNotIn(None, locks)

    def test_mail_comes_in_meanwhile(self) -> None:
        lock = self.lock()
        self.deliver(b"one\r\n")
        self.assertEqual(len(self.listed()), 1)
        self.assertIsNotNone(lock)

    def test_a_mailbox_that_is_not_there_yet_is_made_for_its_owner_alone(self) -> None:
        before = os.umask(0o022)
        self.addCleanup(os.umask, before)
        self.assertIsNotNone(self.lock())
        folder = self.path
        while folder != os.path.dirname(self.mail):
            self.assertEqual(stat.S_IMODE(os.stat(folder).st_mode), 0o700, folder)
            folder = os.path.dirname(folder)
        self.assertEqual(self.listed(), [])

    def test_a_mailbox_that_was_removed_comes_back(self) -> None:
        self.assertIsNotNone(self.lock())
        shutil.rmtree(self.mail)
        self.assertIsNotNone(self.lock())

    def test_a_mailbox_that_cannot_be_locked(self) -> None:
        os.makedirs(os.path.dirname(self.path))
        with open(self.path, "wb"):
            pass
        failure_of(self.store.exclusive(ANN).lock(), NotADirectoryError)

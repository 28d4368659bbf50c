"""Dovecot's lock of a file: while `NAME.lock` exists, its maker alone writes to NAME.

The file is made exclusively and says `PID:HOSTNAME`. A waiter removes a lock whose process is dead
or which has not changed for two minutes, nor has the file it protects. A process that holds one for
long touches it. So Dovecot does, and so do we, with three additions for our own processes:

- The holder has flock(2) on the lock file. So its own threads do not take the lock from each other,
  and one that an earlier process with the same PID left, as in a restarted container, is seen to
  be nobody's at once. A process that was killed may leave a lock without a PID, or with a PID that
  an unrelated process has by now: one that started later than the lock was changed. Such a lock is
  removed after two seconds; Dovecot waits for it in vain.
- Waiters stand in a line of two: flock(2) on the folder admits one of them, and only that one tries
  to make the lock file. The process that waits there is next, so a process that takes the lock
  again and again does not keep the others out.
- A process that releases the lock while others wait pauses for longer than they do between two
  attempts.

Everything blocks: call it in threads.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

from mailhost.durable.system import OperatingSystem

PATIENCE = 30.0  # seconds that a caller waits for a lock
STALE = 120.0  # seconds without a change after which a lock is nobody's
ORPHANED = 2.0  # the same, where no living process can have made it
START_ERROR = 1.0  # seconds that the start of a process may be wrong by
LONG = 1.0  # seconds of waiting after which a waiter looks less often
PAUSE, LONG_PAUSE = 0.002, 0.02  # seconds between two attempts
STEP_BACK = 0.006  # seconds that a holder leaves to those who wait
TOUCHED = 1.0  # seconds between two touches


class LockTimeout(TimeoutError):
    """Others held the lock for all the time that the caller wanted to wait."""


@dataclass(frozen=True, slots=True)
class Times:
    """Where times come from: seconds since 1970, seconds that are never set back, and pauses."""

    now: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


class Dotlock:
    """A lock that is held, on `path`. To be released, once, also after an error."""

    def __init__(self, dotlocks: Dotlocks, path: str, fd: int, line: int) -> None:
        self.path = path
        self._lock_path = f"{path}.lock"
        self._dotlocks = dotlocks
        self._fd = fd
        self._line = line  # the descriptor of the folder, -1 for none
        self._touched = dotlocks.times.steady()

    def held(self) -> bool:
        """False where somebody took the lock for abandoned, and removed it."""
        return self._fd >= 0 and _same_file(self._fd, self._lock_path)

    def check(self) -> None:
        """Raise LockTimeout where the lock is no longer held: nothing may be written then."""
        if not self.held():
            raise LockTimeout(f"{self._lock_path} was removed by another program")

    def touch(self) -> None:
        """Show that the lock is in use. For work that may take seconds. Raises OSError."""
        steady = self._dotlocks.times.steady()
        if steady - self._touched >= TOUCHED and self.held():
            self._touched = steady
            self._dotlocks.system.set_time(self._lock_path, self._dotlocks.times.now())

    def release(self) -> None:
        """Let others write. Once it was removed by another program, that one's lock stays."""
        if self._fd < 0:
            return
        held = self.held()
        fd, self._fd = self._fd, -1
        try:
            if held:
                with suppress(FileNotFoundError):
                    self._dotlocks.system.remove(self._lock_path)
        finally:
            os.close(fd)
        line, self._line = self._line, -1
        self._dotlocks.step_back(line)

    def __enter__(self) -> Dotlock:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.release()


class Dotlocks:
    """Takes locks for this process."""

    def __init__(self, system: OperatingSystem, times: Times | None = None) -> None:
        self.system = system
        self.times = times or Times()
        self._hostname = socket.gethostname()

    def take(self, path: str, patience: float = PATIENCE, stale: float = STALE) -> Dotlock:
        """Lock the file at `path`, which need not exist; its folder must.

        Waits `patience` seconds at most, with pauses; 0 makes one attempt. A lock that has not
        changed for `stale` seconds is removed. Raises LockTimeout, OSError.
        """
        begin = self.times.steady()
        line = self._line_up(path, begin, patience)
        try:
            fd = self._make(path, begin, patience, stale)
        except BaseException:
            _close(line)
            raise
        if line >= 0:
            with suppress(OSError):  # a file system without such locks
                fcntl.flock(line, fcntl.LOCK_UN)  # the next one may wait for the lock
        return Dotlock(self, path, fd, line)

    def step_back(self, line: int) -> None:
        """Pause where another waits for the lock. `line` is the descriptor of the folder, which is
        closed; -1 for none."""
        waits = line >= 0 and not _flocked(line)
        _close(line)
        if waits:
            self.times.pause(STEP_BACK)

    def _line_up(self, path: str, begin: float, patience: float) -> int:
        """Return the descriptor of the folder, locked; -1 where folders cannot be locked."""
        while (fd := self._try_line(path)) is None:
            self._wait(path, begin, patience)
        return fd

    def _try_line(self, path: str) -> int | None:
        """The same; None where another process or thread waits for the lock."""
        try:
            fd = os.open(os.path.dirname(path) or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return -1
        if _flocked(fd):
            return fd
        os.close(fd)
        return None

    def _wait(self, path: str, begin: float, patience: float) -> None:
        waited = self.times.steady() - begin
        if waited >= patience:
            raise LockTimeout(f"{path} is locked by another program for more than {patience:g} s")
        pause = PAUSE if waited < LONG else LONG_PAUSE
        self.times.pause(pause * (0.5 + random.random()))

    def _make(self, path: str, begin: float, patience: float, stale: float) -> int:
        watch = _Watch(self, path, stale)
        while True:
            try:
                return self._create(path)
            except FileExistsError:
                if watch.abandoned():
                    watch.remove()
                else:
                    self._wait(path, begin, patience)

    def _create(self, path: str) -> int:
        fd = self.system.create(f"{path}.lock")
        _flocked(fd)  # before the PID is there: whoever reads ours knows the lock for held
        with suppress(OSError):  # no room for it: the lock is good without
            self.system.write(fd, [f"{os.getpid()}:{self._hostname}".encode()])
        return fd

    def owner(self, lock_path: str) -> int | None:
        """Return the PID that a lock file names, None for one of another host, and for none."""
        try:
            with open(lock_path, "rb") as file:
                pid, colon, hostname = file.read(512).partition(b":")
        except OSError:
            return None
        ours = colon and hostname.rstrip(b"\n") == self._hostname.encode()
        return int(pid) if ours and pid.isdigit() and 0 < int(pid) < 1 << 31 else None


class _Watch:
    """The state of a lock file as one waiter sees it."""

    def __init__(self, dotlocks: Dotlocks, path: str, stale: float) -> None:
        self._dotlocks = dotlocks
        self._path = path
        self._lock_path = f"{path}.lock"
        self._stale = stale
        self._judged: tuple[int, ...] = ()
        self._seen: tuple[tuple[int, ...], ...] = ()
        self._since = 0.0  # steady seconds when that was seen first

    def abandoned(self) -> bool:
        """True where the lock is nobody's."""
        self._judged = _change(self._lock_path)
        owner = self._dotlocks.owner(self._lock_path)
        if owner not in (None, os.getpid()) and not _is_alive(owner):
            return True
        held = self._held_by_ours()
        if held is False and owner == os.getpid():
            return True
        orphaned = held is False and self._has_no_maker(owner)
        return not held and self._unchanged(ORPHANED if orphaned else self._stale)

    def _has_no_maker(self, owner: int | None) -> bool:
        """True for an empty lock, and for one that is older than the process with its PID."""
        if not self._judged:
            return False  # released
        if owner is None:
            return self._judged[-1] == 0
        started = _start(owner)
        return started is not None and started - START_ERROR > self._judged[0] / 1e9

    def _unchanged(self, stale: float) -> bool:
        """True where lock and file have not changed for so many seconds, by their times or by our
        watch."""
        times = self._dotlocks.times
        seen = (_change(self._lock_path), _change(self._path))
        if seen != self._seen:
            self._seen, self._since = seen, times.steady()
        if not seen[0]:
            return False  # released
        now, last = times.now(), max(max(change[:2], default=0) for change in seen) / 1e9
        watched = times.steady() - self._since
        return (last <= now and now - last > stale) or watched > stale

    def _held_by_ours(self) -> bool | None:
        """True where a process of ours has the lock; None where that cannot be seen."""
        try:
            fd = os.open(self._lock_path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
        finally:
            os.close(fd)
        return False

    def remove(self) -> None:
        """Remove the lock, and give another program that does so at the same time some time.

        Otherwise that one might remove the lock that we make next.
        """
        if _change(self._lock_path) == self._judged:
            with suppress(FileNotFoundError):
                self._dotlocks.system.remove(self._lock_path)
        self._dotlocks.times.pause(0.1 + random.random() / 10)


def _change(path: str) -> tuple[int, ...]:
    """Return values that change with a file, its times first; nothing if it is missing."""
    try:
        found = os.lstat(path)
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_dev, found.st_ino, found.st_size


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


def _flocked(fd: int) -> bool:
    """Lock an open file; False where another has it. A file system without such locks: True."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _same_file(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def _start(pid: int) -> float | None:
    """Return when a process started, in seconds since 1970; None where the system does not tell."""
    try:
        ticks = int(_stat(pid)[19])  # since the boot
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (AttributeError, ValueError, IndexError):
        return None
    return time.time() - age


def _is_alive(pid: int) -> bool:
    """False also for a process that has ended but keeps its PID, as its parent does not wait for
    it: in a container the first process may wait for none."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return b"Z" not in _stat(pid)[:1]


def _stat(pid: int) -> Sequence[bytes]:
    """Return what the system tells of a process, its state first; nothing where it does not."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()
    except OSError:
        return ()

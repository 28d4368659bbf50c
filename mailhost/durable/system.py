"""The few calls to the operating system that durable writes are made of.

Tests hand in one that fails: a full disk, a sync that errs, a crash between two calls.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import sys
from collections.abc import Sequence
from hashlib import sha256
from struct import unpack_from

# file systems whose syncfs(2) waits for the disk and reports the errors of all files: ext, XFS,
# Btrfs, tmpfs. overlayfs does not report errors of its upper layer; FUSE and 9p do not pass a sync
# on
REPORTING_FILE_SYSTEMS = (0xEF53, 0x58465342, 0x9123683E, 0x01021994)
NO_SHARING = -1
MOST_PIECES = 1000  # that one pwritev(2) takes
_AT_EMPTY_PATH = 0x1000  # for statx(2)
_STATX_MNT_ID_UNIQUE = 0x4000
_STATX_SIZE = 256  # octets of a struct statx
_STX_MNT_ID = 144  # where it has the number of the mount


class OperatingSystem:
    """The real one. Everything blocks and raises OSError.

    `shares_syncs` says that one `sync_file_system` is as good as a sync of each file in it: Linux
    reports write-back errors there since 5.8. `writes_durably` says that `write_durably` is one
    call, which waits for the octets that it writes and for nothing else.
    """

    def __init__(self) -> None:
        self.shares_syncs = _linux_release() >= (5, 8)
        self._libc = ctypes.CDLL(None, use_errno=True) if self.shares_syncs else None
        self.writes_durably = hasattr(os, "RWF_DSYNC") and hasattr(os, "pwritev")
        self._reports: dict[int, bool] = {}  # by the number of the file system

    def create(self, path: str) -> int:
        """Make a new file for writing, readable by its owner alone, and return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def open_file(self, path: str) -> int:
        """Open a file that is there, to sync it, and return its descriptor."""
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)

    def open_to_append(self, path: str) -> int:
        """Open a file that is there, to write at its end, and return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def open_to_mend(self, path: str) -> int:
        """Open a file that is there, to write over its octets, and return its descriptor."""
        return os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)

    def write(self, fd: int, chunks: Sequence[bytes]) -> None:
        """Write all of `chunks`, fewer than a thousand, in one call where the disk allows it.

        After each call the thread waits for the interpreter lock, so there are few calls.
        """
        written = os.writev(fd, chunks)
        if written < sum(map(len, chunks)):
            rest = memoryview(b"".join(chunks))[written:]
            while rest:
                rest = rest[os.write(fd, rest) :]

    def open_segment(self, path: str) -> int:
        """Open a file for reading and for `write_durably`, made where it is missing, and return its
        descriptor."""
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def write_durably(self, fd: int, chunks: Sequence[bytes], place: int) -> None:
        """Write all of `chunks` over what the file has at `place`, and return when they are on the
        disk. After an error any part of them may be there."""
        if len(chunks) > MOST_PIECES:
            chunks = [b"".join(chunks)]
        written = os.pwritev(fd, chunks, place, os.RWF_DSYNC)
        if written < sum(map(len, chunks)):
            raise OSError(errno.EIO, "fewer octets were written than there are")

    def write_at(self, fd: int, octets: bytes, place: int) -> None:
        """Write octets at a place of a file, without a sync."""
        if os.pwrite(fd, octets, place) < len(octets):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def run_of(self, fd: int) -> bytes:
        """Return 16 octets that change when the machine starts again or the file system is mounted
        again, and that another file does not have, such as a copy of this one; empty where that is
        not known."""
        mount = self._mount_of(fd)
        try:
            with open("/proc/sys/kernel/random/boot_id", "rb") as file:
                boot = file.read()
        except OSError:
            return b""
        found = os.fstat(fd)
        run = b"%s %d %d %d" % (boot, mount, found.st_dev, found.st_ino)
        return sha256(run).digest()[:16] if mount else b""

    def _mount_of(self, fd: int) -> int:
        """Return the number of the mount that a file is in, which no later mount gets; 0 where the
        kernel does not tell it (before Linux 6.8)."""
        found = ctypes.create_string_buffer(_STATX_SIZE)
        libc = self._libc
        if libc is None or not hasattr(libc, "statx"):
            return 0
        if libc.statx(fd, b"", _AT_EMPTY_PATH, _STATX_MNT_ID_UNIQUE, found) != 0:
            return 0
        (mask,) = unpack_from("=I", found)
        (mount,) = unpack_from("=Q", found, _STX_MNT_ID)
        return int(mount) if mask & _STATX_MNT_ID_UNIQUE else 0

    def size_of(self, fd: int) -> int:
        """Return the octets of an open file."""
        return os.fstat(fd).st_size

    def read(self, path: str) -> bytes:
        """Return the octets of a regular file. Raises FileNotFoundError where there is none."""
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as file:
            return file.read()

    def forget_cached(self, path: str) -> None:
        """Have the next `read` of a file read what the disk has, as far as that is possible."""
        fd = self.open_file(path)
        try:
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)

    def read_head(self, path: str, size: int) -> bytes:
        """Return the first `size` octets of a file."""
        with open(path, "rb", buffering=0) as file:
            return file.read(size)

    def list_names(self, folder: str) -> list[str]:
        """Return the names in a folder."""
        return os.listdir(folder)

    def free_space(self, path: str) -> int:
        """Return the octets that are free for us on the file system of a path."""
        found = os.statvfs(path)
        return found.f_bavail * found.f_frsize

    def device(self, path: str) -> int:
        """Return the number of the file system that a path is on, links followed."""
        return os.stat(path).st_dev

    def try_lock(self, path: str) -> int | None:
        """Lock a file, made where it is missing, until the descriptor that is returned is closed;
        None where another process has the lock."""
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError:
            os.close(fd)
            raise
        return fd

    def truncate(self, fd: int, size: int) -> None:
        """Cut a file that is open for writing to `size` octets."""
        os.ftruncate(fd, size)

    def set_time(self, path: str, seconds: float) -> None:
        """Set when a file was changed last, in seconds since 1970."""
        os.utime(path, (seconds, seconds), follow_symlinks=False)

    def set_time_of(self, fd: int, seconds: float) -> None:
        """The same for a file that is open. Raises OverflowError too."""
        os.utime(fd, (seconds, seconds))

    def sync(self, fd: int) -> None:
        """Return when the file's bytes are on the disk."""
        os.fsync(fd)

    def sync_file_system(self, fd: int) -> None:
        """Return when all bytes and names of the file system that `fd` is on are on the disk.

        Errors since `fd` was opened are raised.
        """
        assert self._libc is not None
        if self._libc.syncfs(fd) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    def file_system(self, fd: int) -> int:
        """Return the number of the file system that `fd` is on, NO_SHARING where a sync of all
        of it is not as good as one of each file."""
        number = os.fstat(fd).st_dev
        if number not in self._reports:
            self._reports[number] = self._kind(fd) in REPORTING_FILE_SYSTEMS
        return number if self._reports[number] else NO_SHARING

    def _kind(self, fd: int) -> int:
        """Return the kind of a file system, as statfs(2) lists them."""
        assert self._libc is not None
        found = (ctypes.c_ulong * 32)()  # more than a struct statfs; its first word is the kind
        return found[0] & 0xFFFFFFFF if self._libc.fstatfs(fd, found) == 0 else 0

    def open_folder(self, path: str) -> int:
        """Open a folder to sync it, and return its descriptor."""
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def rename(self, old: str, new: str) -> None:
        """Give a file its final name, replacing what has it."""
        os.rename(old, new)

    def rename_in(self, folder: int, old: str, new: str) -> None:
        """Give a file of the folder with this descriptor another name there."""
        os.rename(old, new, src_dir_fd=folder, dst_dir_fd=folder)

    def link(self, old: str, new: str) -> None:
        """Give a file a second name. Raises FileExistsError where anything has it."""
        os.link(old, new, follow_symlinks=False)

    def same_file(self, one: str, other: str) -> bool:
        """True where both names are there, for one file."""
        try:
            return os.path.samestat(os.lstat(one), os.lstat(other))
        except FileNotFoundError:
            return False

    def exists(self, path: str) -> bool:
        """True where there is anything of that name."""
        return os.path.lexists(path)

    def remove(self, path: str) -> None:
        """Remove a file."""
        os.unlink(path)

    def make_folder(self, path: str) -> None:
        """Make one folder for its owner alone. Raises FileExistsError, FileNotFoundError."""
        os.mkdir(path, 0o700)

    def remove_folder(self, path: str) -> None:
        """Remove a folder that is empty."""
        os.rmdir(path)

    def sync_folder(self, path: str) -> None:
        """Return when the names in a folder are on the disk."""
        fd = self.open_folder(path)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def is_folder(self, path: str) -> bool:
        """True where a folder is there."""
        return os.path.isdir(path)

    def is_mount(self, path: str) -> bool:
        """True where a file system begins: what is above it is none of its names."""
        return os.path.ismount(path)


def _linux_release() -> tuple[int, ...]:
    """Return such as (5, 10), and (0,) where this is no Linux."""
    if not sys.platform.startswith("linux"):
        return (0,)
    return tuple(map(int, re.findall(r"\d+", os.uname().release)[:2]))

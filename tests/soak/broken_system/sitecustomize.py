"""Makes the operating system fail for a mailhost that has this folder on its PYTHONPATH.

The file that MAILHOST_FAULT names says how, padded with spaces to WIDTH octets; all spaces: all is
well. Every process maps it, and looks before each call. The calls are broken in `os` itself, and
`syncfs` where ctypes finds it, so it does not matter which part of the host makes them.

A sync that fails has lost what was to be written, as on a real disk: the file is emptied, and only
the first sync says so. A program that trusts a second one keeps an empty message.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import stat
import time
from collections.abc import Callable, Sequence
from typing import Any

WIDTH = 32
SECONDS = 3.0  # of a slow sync
PART = "/ann/"  # the Maildir that can be read-only

Call = Callable[..., Any]
Inode = tuple[int, int]


def _mapped(path: str) -> mmap.mmap:
    with open(path, "rb") as file:
        return mmap.mmap(file.fileno(), WIDTH, prot=mmap.PROT_READ)


_control = _mapped(os.environ["MAILHOST_FAULT"])
_written: dict[int, Inode] = {}  # descriptors that files with a name were written by
_emptied: set[Inode] = set()
_untold: set[Inode] = set()  # those whose own sync did not say so yet
_half: set[int] = set()  # descriptors that took half of what did not fit


def fault() -> str:
    """The present fault."""
    return _control[:].decode("ascii").strip()


def _failure(number: int) -> OSError:
    return OSError(number, os.strerror(number))


# --- writing -------------------------------------------------------------------------------------


def _inode(fd: int) -> Inode | None:
    """A file with a name; None for pipes, sockets, folders, and what lies in files without one."""
    found = os.fstat(fd)
    kept = stat.S_ISREG(found.st_mode) and found.st_nlink > 0
    return (found.st_dev, found.st_ino) if kept else None


def _is_file(fd: int) -> bool:
    return stat.S_ISREG(os.fstat(fd).st_mode)


def _writing(call: Call, halved: Callable[[Any], Any]) -> Call:
    def maybe(fd: int, data: Any) -> int:
        number = {"ENOSPC": errno.ENOSPC, "EIO on write": errno.EIO}.get(fault(), 0)
        if number and _is_file(fd):
            if number == errno.ENOSPC and fd not in _half:
                _half.add(fd)
                return int(call(fd, halved(data)))
            _half.discard(fd)
            raise _failure(number)
        inode = _inode(fd)
        if inode is not None:
            _written[fd] = inode
        return int(call(fd, data))

    return maybe


def _half_of(data: Any) -> bytes:
    whole = bytes(data)
    return whole[: len(whole) // 2]


def _half_of_all(chunks: Sequence[bytes]) -> list[bytes]:
    return [_half_of(b"".join(chunks))]


# --- syncing -------------------------------------------------------------------------------------


def _lose(fd: int) -> bool:
    """Note that octets written by a descriptor never came to the disk. False if that was noted
    before."""
    inode = _written.get(fd)
    try:
        if inode is None or inode in _emptied or _inode(fd) != inode:
            return False
        os.ftruncate(fd, 0)
    except OSError:
        return False  # closed by now
    _emptied.add(inode)
    _untold.add(inode)
    return True


def _sync_fails(fd: int) -> bool:
    """Wait where the disk is slow. True where it did not take the file, once for each loss."""
    if fault() == "slow":
        time.sleep(SECONDS)
    inode = _inode(fd)
    if fault() == "EIO on sync":
        if inode is None:
            return True
        _lose(fd)
    told = inode not in _untold
    _untold.discard(inode or (0, 0))
    return not told


def _syncing(call: Call) -> Call:
    def maybe(fd: Any) -> None:
        if _sync_fails(fd if isinstance(fd, int) else fd.fileno()):
            raise _failure(errno.EIO)
        call(fd)

    return maybe


class _Library(ctypes.CDLL):
    """The C library with a `syncfs` that fails for all files."""

    def __getattr__(self, name: str) -> Any:
        call = super().__getattr__(name)
        if name != "syncfs":
            return call

        def maybe(fd: int) -> int:
            if fault() == "slow":
                time.sleep(SECONDS)
            if fault() == "EIO on sync":
                lost = [_lose(each) for each in list(_written)]
                if any(lost):
                    ctypes.set_errno(errno.EIO)
                    return -1
            return int(call(fd))

        return maybe


# --- names ---------------------------------------------------------------------------------------


def _naming(call: Call, which: int) -> Call:
    """A call that makes, changes or removes the name that is its argument number `which`."""

    def maybe(*arguments: Any, **more: Any) -> Any:
        if fault() == "read-only" and PART in str(arguments[which]):
            raise _failure(errno.EROFS)
        return call(*arguments, **more)

    return maybe


def _opening(call: Call) -> Call:
    naming = _naming(call, 0)

    def maybe(path: Any, flags: int, *arguments: Any, **more: Any) -> int:
        makes = flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR)
        fd = int((naming if makes else call)(path, flags, *arguments, **more))
        if flags & os.O_CREAT:  # a number that a file had before
            _emptied.discard(_inode(fd) or (0, 0))
        return fd

    return maybe


for _name, _number in (("rename", 1), ("replace", 1), ("link", 1), ("mkdir", 0), ("unlink", 0)):
    setattr(os, _name, _naming(getattr(os, _name), _number))
for _name in ("fsync", "fdatasync"):
    setattr(os, _name, _syncing(getattr(os, _name)))
os.open = _opening(os.open)
os.write = _writing(os.write, _half_of)
os.writev = _writing(os.writev, _half_of_all)
ctypes.CDLL = _Library  # type: ignore[misc]

"""Asks the writer to settle files, in a thread of any process.

The writer answers at once where its log has no records of these files since the last checkpoint,
else after a checkpoint. While there is no writer, the caller makes the checkpoint itself, by the
lock that only one process has.
"""

from __future__ import annotations

import errno
import marshal
import os
import socket
import time
from collections.abc import Callable, Collection

from mailhost.durable.frames import Result, settle_frame
from mailhost.durable.log.log import ID, lock_log
from mailhost.durable.log.recovery import begin_by, recover_by
from mailhost.durable.log.segments import BadLog
from mailhost.durable.system import OperatingSystem

ANSWER_TIMEOUT = 60.0  # seconds for a checkpoint
UNREACHABLE_TIMEOUT = 5.0  # seconds until a writer, or the log's lock, must be there
PAUSE = 0.05  # seconds between two attempts
SOCKET = "writer.sock"


class Settling:
    """A Settle for the data folder at `data`. May be used by several threads at once."""

    def __init__(
        self,
        system: OperatingSystem,
        data: str,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._system = system
        self._data = data
        self._clock = clock
        self._sleep = sleep

    def __call__(self, names: Collection[str]) -> None:
        """See Settle."""
        if not self._system.exists(os.path.join(self._data, ID)):
            return  # nothing was ever logged
        deadline = self._clock() + UNREACHABLE_TIMEOUT
        while not (self._by_writer(names) or self._alone()):
            if self._clock() > deadline:
                raise OSError(errno.EAGAIN, "no writer can be reached to settle the log")
            self._sleep(PAUSE)

    def _by_writer(self, names: Collection[str]) -> bool:
        """Ask the writer. False if it cannot be reached. Raises OSError for what it answers."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as wire:
            wire.settimeout(ANSWER_TIMEOUT)
            try:
                wire.connect(os.path.join(self._data, SOCKET))
                wire.sendall(settle_frame(names))
                answer = _answer(wire)
            except TimeoutError:
                raise OSError(errno.ETIMEDOUT, "the writer does not settle the log") from None
            except OSError:
                return False
        if answer is None:
            return False
        (result,) = answer
        if result is not None:
            raise OSError(*result)
        return True

    def _alone(self) -> bool:
        """Make a checkpoint of what a dead writer left. False while another process has the log."""
        lock = lock_log(self._system, self._data)
        if lock is None:
            return False
        try:
            host = self._system.try_lock(os.path.join(self._data, "lock"))
            if host is None:  # a host runs: the machine has not crashed since it started
                begin_by(self._system, self._data, lock).close()
                return True
            try:
                recover_by(self._system, self._data, lock, lambda line: None)
            finally:
                self._system.close(host)
        except BadLog as bad:
            raise OSError(errno.EIO, str(bad)) from bad
        return True


def _answer(wire: socket.socket) -> list[Result] | None:
    """Return the results in the writer's frame, None where it closes the connection."""
    octets = b""
    while len(octets) < 4 or len(octets) < 4 + int.from_bytes(octets[:4], "big"):
        more = wire.recv(4096)
        if not more:
            return None
        octets += more
    answer: list[Result] = marshal.loads(octets[4:])
    return answer

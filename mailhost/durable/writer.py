"""The writer: one process that makes the small changes of all others durable, together.

`python -m mailhost.durable.writer SOCKET DESCRIPTOR` listens on a unix socket, which is in the data
folder. A batch consists of all changes that clients have asked for when it begins: one sync serves
all processes, and none of them needs a thread of its own for that. The time of each batch is
counted in the table that the descriptor leads to (`batch_times`).

A client sends frames (`durable/frames`) with a list of changes each, and gets back frames with a
list of results. Frames of one client are answered in order. If a client has closed
its connection, its changes are not begun, as no process waits for the results.

Batches go through the log of the data folder (`durable/log`), unless LOGS is False. Other processes
ask for checkpoints over the same socket.

The writer ends with the head: its standard input is a pipe of the head, and on Linux the kernel
kills it with its parent, since no file may change any more when the next head reads them. A bug
ends it too, and the head starts another.
"""

from __future__ import annotations

import ctypes
import marshal
import os
import selectors
import signal
import socket
import sys
import traceback
from collections.abc import Collection, Sequence
from contextlib import suppress
from time import monotonic

from mailhost.durable.batch import Batch
from mailhost.durable.batch_times import BatchTimes, LogState
from mailhost.durable.frames import LARGEST_FRAME, Result, change_of, frame
from mailhost.durable.log.background import Background
from mailhost.durable.log.log import why_no_log
from mailhost.durable.log.writer_log import WriterLog
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change
from mailhost.net.peer_credentials import is_ours, peer_uid

LOGS = True  # False: the writer makes no log, and syncs each file
RECEIVE_SIZE = 1 << 18  # octets read by one call
_PR_SET_PDEATHSIG = 1


class _Client:
    """The connection of one process."""

    def __init__(self, wire: socket.socket) -> None:
        self.wire = wire
        self.gone = False
        self._buffer = bytearray()

    def read(self) -> list[list[Change] | tuple[str, ...]]:
        """Return the commits that it asks for, and the base names to be settled; none where it
        closed the connection."""
        while not self.gone:
            try:
                octets = self.wire.recv(RECEIVE_SIZE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self._frames()
            except OSError:
                octets = b""
            self.gone = not octets
            self._buffer += octets
        return []

    def _frames(self) -> list[list[Change] | tuple[str, ...]]:
        frames: list[list[Change] | tuple[str, ...]] = []
        at = 0
        while len(self._buffer) - at >= 4:
            length = int.from_bytes(self._buffer[at : at + 4], "big")
            if length > LARGEST_FRAME:
                raise ValueError(f"a frame of {length} octets")
            if len(self._buffer) - at - 4 < length:
                break
            asked = marshal.loads(memoryview(self._buffer)[at + 4 : at + 4 + length])
            if isinstance(asked, tuple):
                frames.append(asked)
            else:
                frames.append([change_of(each) for each in asked])
            at += 4 + length
        del self._buffer[:at]
        return frames

    def answer(self, results: Sequence[Result]) -> None:
        """Send the results of one commit."""
        with suppress(OSError):  # it closed the connection, as the next `read` finds
            self.wire.sendall(frame(list(results)))

    def settled(self, error: OSError | None) -> None:
        """Answer a request to settle names."""
        self.answer([_result(error)])


class Writer:
    """`listener` accepts the clients. `life` is a pipe that becomes readable when the head ends.
    `data` is the path of a data folder that has a log, empty for none."""

    def __init__(
        self,
        system: OperatingSystem,
        listener: socket.socket,
        life: int,
        times: BatchTimes,
        data: str = "",
    ) -> None:
        self._times = times
        self._system = system
        self._listener = listener
        self._durable_names: set[str] = set()
        self._background = Background() if data else None
        self._log: WriterLog | None = None
        self._clients: dict[int, _Client] = {}
        self._life = life
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ)
        self._selector.register(life, selectors.EVENT_READ)
        if self._background is not None:
            self._selector.register(self._background.fd, selectors.EVENT_READ)
            self._log = WriterLog(
                system, data, self._durable_names, self._background, _log_line, monotonic
            )

    def serve(self) -> None:
        """Make batches until the head ends."""
        while self.turn():
            pass

    def turn(self) -> bool:
        """Wait for clients, and make one batch of what they ask for. False when the head ended."""
        wait = None if self._log is None else self._log.wait
        ready = {key.fd for key, _ in self._selector.select(wait)}
        if self._life in ready:
            return False
        self._work_on_log(ready)
        if self._listener.fileno() in ready:
            self._accept()
        asking = [client for fd, client in self._clients.items() if fd in ready]
        jobs = []
        for client in asking:
            for asked in client.read():
                if isinstance(asked, list):
                    jobs.append((client, asked))
                elif self._log is not None:
                    self._log.settle(asked, client.settled)
                else:
                    client.settled(None)
        if jobs:
            self._make_batch(jobs)
        for client in asking:
            if client.gone:
                self._forget(client)
        return True

    def _work_on_log(self, ready: Collection[int]) -> None:
        if self._log is None or self._background is None:
            return
        if self._background.fd in ready and self._background.busy:
            self._log.end()
        self._log.turn()
        self._times.log = LogState.ON if self._log.on else LogState.OFF

    def close(self) -> None:
        """Make a last checkpoint, and close all sockets."""
        if self._log is not None and self._background is not None:
            self._log.stop()
            self._background.close()
        for client in list(self._clients.values()):
            self._forget(client)
        self._selector.close()
        self._listener.close()

    def _accept(self) -> None:
        wire, _ = self._listener.accept()
        if not is_ours(wire):
            print(f"refused to user {peer_uid(wire)}", file=sys.stderr, flush=True)  # noqa: T201
            wire.close()
            return
        self._clients[wire.fileno()] = _Client(wire)
        self._selector.register(wire, selectors.EVENT_READ)

    def _forget(self, client: _Client) -> None:
        self._selector.unregister(client.wire)
        del self._clients[client.wire.fileno()]
        client.wire.close()

    def _make_batch(self, jobs: Sequence[tuple[_Client, Sequence[Change]]]) -> None:
        """Make one batch, and send the results to the clients."""
        begun = monotonic()
        changes = [change for _, some in jobs for change in some]
        if self._log is not None:
            errors = self._log.run(changes)
        else:
            errors = Batch(self._system, changes, self._durable_names).run()
        results = [_result(error) for error in errors]
        self._times.add(monotonic() - begun, len(changes))
        for client, some in jobs:
            mine, results = results[: len(some)], results[len(some) :]
            client.answer(mine)


def _result(error: OSError | None) -> Result:
    if error is None:
        return None
    if error.__cause__ is not None:  # a bug: the head logs what we write there
        traceback.print_exception(error)
    text = os.strerror(error.errno) if error.errno else str(error)
    return (error.errno or 0, f"{text}: {error.filename}" if error.filename else text)


def _log_line(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - the head logs it


def listen(path: str) -> socket.socket:
    """Open the socket, for the host's user alone.

    A socket that exists was left by a dead writer.
    """
    with suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(mask)
    listener.listen(100)
    return listener


def _end_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def main() -> None:
    """Run the process."""
    _end_with_parent()
    for ours in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ours, signal.SIG_IGN)  # the head ends the writer, by `life`
    path, times = sys.argv[1], BatchTimes(int(sys.argv[2]))
    system, data = OperatingSystem(), os.path.dirname(path)
    logs = LOGS and not why_no_log(system, data)
    writer = Writer(system, listen(path), 0, times, data if logs else "")
    writer.serve()
    writer.close()


if __name__ == "__main__":
    main()

"""A minimal SMTP server whose messages are made durable by a thread: all that wait share a batch.

`python -m bench.ceilings.server KIND PORT FOLDER` serves on a loopback address until the process is
ended. KIND is a name in KINDS.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from queue import SimpleQueue
from typing import cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import ServerFactory

from bench.ceilings.endless import start_thread
from bench.ceilings.logged import Logged
from bench.ceilings.session import Session
from bench.ceilings.synced import Synced
from bench.load import ADDRESS
from mailhost.interfaces.reactor import IReactor

READY = "ready"

MakeDurable = Callable[[Sequence[bytes]], None]


class Batches:
    """`make_durable` returns when all messages of a batch are safe. The thread calls it."""

    def __init__(self, reactor: IReactor, make_durable: MakeDurable) -> None:
        self._reactor = reactor
        self._make_durable = make_durable
        self._inbox: SimpleQueue[tuple[bytes, Deferred[None]]] = SimpleQueue()

    def start(self) -> None:
        """Start the thread."""
        start_thread(self._work)

    def store(self, content: bytes) -> Deferred[None]:
        """Return when the message is safe."""
        done: Deferred[None] = Deferred()
        self._inbox.put((content, done))
        return done

    def _work(self) -> None:
        jobs = [self._inbox.get()]
        while not self._inbox.empty():
            jobs.append(self._inbox.get())
        self._make_durable([content for content, _ in jobs])
        self._reactor.callFromThread(_answer, [done for _, done in jobs])


class Sessions(ServerFactory):
    """Makes a session for each connection."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches

    def buildProtocol(self, addr: IAddress | None) -> Session:
        """Return the session of a connection."""
        return Session(self._batches.store)


def _answer(waiting: Sequence[Deferred[None]]) -> None:
    for done in waiting:
        done.callback(None)


def with_log(folder: Path) -> Logged:
    """Return the server's log, with its checkpoints in a thread."""
    logged = Logged(folder)
    start_thread(logged.checkpoint_later)
    return logged


KINDS: dict[str, Callable[[Path], MakeDurable]] = {"synced": Synced, "logged": with_log}


def main() -> None:
    """Serve."""
    from twisted.internet import reactor  # noqa: TID251 - this is the program

    kind, port, folder = sys.argv[1:]
    batches = Batches(cast(IReactor, reactor), KINDS[kind](Path(folder)))
    batches.start()
    reactor.listenTCP(int(port), Sessions(batches), interface=ADDRESS, backlog=1000)
    reactor.callWhenRunning(print, READY, flush=True)
    reactor.run()


if __name__ == "__main__":
    main()

"""A worker's life: it asks for sockets, serves until it is told to retire, and ends.

`python -m mailhost.application.worker` makes no sense but from the head. Without the head there is
no queue, no log and no password: a worker whose head is gone ends at once, and answers nobody.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import sys
import time
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.interfaces import IListeningPort
from twisted.logger import LogLevel, globalLogBeginner

from mailhost.application.filters import BadFilter
from mailhost.application.listeners import outermost
from mailhost.application.protocols import make_factory
from mailhost.application.services import Services
from mailhost.config.model import Listen
from mailhost.interfaces.directory import DirectoryUnavailable
from mailhost.logins.authenticator import mechanisms_for
from mailhost.net.pump import PumpFactory
from mailhost.observe.lines import LineLog
from mailhost.queue.intake import Intake
from mailhost.queue.schedule import Backoff
from mailhost.workers.channel import Answers, Channel, attach
from mailhost.workers.connection_counts import SharedCounts
from mailhost.workers.pool import CHANNEL, COUNTS, LOG, STARTUP, StartupData
from mailhost.workers.remote import (
    RemoteAuthenticator,
    RemoteCounters,
    RemoteGuard,
    RemoteLog,
    RemoteQueue,
    RemoteRates,
    RemoteUsages,
)

HEAD_GONE = 3  # exit code


class Worker:
    """`startup` is what the head wrote for us."""

    def __init__(self, reactor: Any, startup: StartupData) -> None:
        loaded, certificates = startup.about
        self._reactor = reactor
        self._stop_timeout = loaded.settings.limits.stop_timeout
        answers: Answers = {
            "serve": self._serve,
            "served": lambda: self._channel.notify("serves"),
            "retire": self._retire,
            "certificates": lambda pem: self._services.tls.replace(
                pem, self._services.tls.minimums
            ),
        }
        self._channel = Channel(answers, self._channel_closed)
        self._log = _log(reactor, self._channel, startup.logs)
        self._ports: list[IListeningPort] = []
        self._factories: list[PumpFactory] = []
        self._ending = False
        settings = loaded.settings
        self._services = Services(
            reactor,
            loaded,
            certificates,
            self._log,
            SharedCounts(COUNTS, startup.row, startup.key),
            RemoteUsages(self._channel, reactor.seconds),
        )
        intake = Intake(self._services.spool, Backoff(settings.queue), time.time, self._log)
        self._services.connect(
            RemoteAuthenticator(self._channel, partial(mechanisms_for, settings.login)),
            RemoteGuard(self._channel),
            RemoteQueue(self._channel, intake),
            RemoteRates(self._channel),
            RemoteCounters(self._channel, reactor),
        )

    def start(self) -> None:
        """Ask for sockets to serve."""
        globalLogBeginner.beginLoggingTo([self._log], redirectStandardIO=False)
        attach(self._reactor, self._channel, CHANNEL)
        self._services.start()
        gc.freeze()  # as in the head
        self._channel.notify("ready")

    def _serve(self, fd: int, listen: Listen) -> None:
        """Accept from a socket that the head listens on too."""
        factory = make_factory(self._services, listen, self._reactor)
        outer = outermost(factory, listen, self._reactor)
        with socket.socket(fileno=fd) as shared:
            port = self._reactor.adoptStreamPort(shared.fileno(), shared.family, outer)
        self._ports.append(port)
        self._factories.append(factory)

    def stop(self) -> None:
        """End as at a stop of the whole host."""
        self._reactor.callFromThread(self._retire, self._stop_timeout)

    def _retire(self, seconds: float | None) -> None:
        """Take nothing new. `seconds` None: let every connection end by itself."""
        Deferred.fromCoroutine(self._end(seconds))

    async def _end(self, seconds: float | None) -> None:
        for port in self._ports:
            port.stopListening()
        self._ports.clear()
        if seconds is None:
            await gatherResults([Deferred.fromCoroutine(each.ended()) for each in self._factories])
        else:
            await gatherResults(
                [Deferred.fromCoroutine(each.drain(seconds)) for each in self._factories]
            )
        if self._ending:
            return
        self._ending = True
        await self._services.stop()
        self._log.flush()
        assert self._channel.transport is not None
        self._channel.transport.loseConnection()

    def _channel_closed(self) -> None:
        os._exit(0 if self._ending else HEAD_GONE)


def _log(reactor: Any, channel: Channel, ours: bool) -> LineLog | RemoteLog:
    """The log: `ours` to write, or the head's."""
    if not ours:
        return RemoteLog(reactor, channel)
    output = os.fdopen(LOG, "w", encoding="utf-8", errors="backslashreplace")
    return LineLog(reactor, output, LogLevel.warn)


def main() -> None:
    """Read the brief and serve."""
    from twisted.internet import reactor

    with open(STARTUP, "rb") as file:
        startup = pickle.load(file)
    reactor.seconds = time.monotonic  # type: ignore[method-assign]  # as in the head
    worker = Worker(reactor, startup)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the head
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, frame: worker.stop())
    try:
        worker.start()
    except (BadFilter, DirectoryUnavailable, OSError) as error:
        sys.exit(f"cannot start: {error}")
    reactor.run(installSignalHandlers=False)  # type: ignore[call-arg]


if __name__ == "__main__":
    main()

"""A worker process: it asks for sockets, serves until the head retires it, and ends.

`python -m mailhost.application.worker` is run by the head alone. Without the head there is no
queue, no log and no password: a worker whose head is gone ends at once, and answers no client.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import LogLevel, globalLogBeginner

from mailhost.application.clients import client_watch
from mailhost.application.filters import BadFilter
from mailhost.application.foundation import Foundation
from mailhost.application.listeners import outermost
from mailhost.application.process_events import ProcessEvents
from mailhost.application.protocols import make_factory, serve
from mailhost.application.services import Services, Shared
from mailhost.config.load import Loaded
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.directory import DirectoryUnavailable
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.wire import IServerFactory
from mailhost.logins.authenticator import mechanisms_for
from mailhost.message.address import Address
from mailhost.net.tls.server import CertificateSource
from mailhost.observe.critical import CriticalEvents
from mailhost.observe.lag import Lag
from mailhost.observe.lines import LineLog
from mailhost.observe.metrics.snapshot import WorkerMeasures
from mailhost.queue.intake import Intake
from mailhost.queue.schedule import Backoff
from mailhost.workers import calls
from mailhost.workers.channel import Channel, attach
from mailhost.workers.connection_counts import SharedCounts
from mailhost.workers.folder_changes import FolderChange, FolderChanges
from mailhost.workers.pool import CHANNEL, COUNTS, LOG, STARTUP, StartupData
from mailhost.workers.remote import (
    CountsForHead,
    RemoteAuthenticator,
    RemoteGuard,
    RemoteKeyMaker,
    RemoteLog,
    RemoteQueue,
    RemoteRates,
    RemoteUsages,
)

EXIT_HEAD_GONE = 3  # exit code

SocketKey = tuple[ListenProtocol, str]


@dataclass(slots=True)
class _Served:
    """A socket that is accepted from."""

    port: IListeningPort
    factory: IServerFactory
    listen: Listen


class Worker:
    """`startup` is the data that the head wrote for this worker."""

    _services: Services
    _newest: tuple[Loaded, Sequence[CertificateSource]]

    def __init__(self, reactor: IReactor, startup: StartupData) -> None:
        self._reactor = reactor
        self._loaded = startup.loaded
        self._channel = Channel(self._answers(), self._channel_closed)
        self._log = _log(reactor, self._channel, startup.logs)
        self._counts = CountsForHead(self._channel, reactor)
        self._watch = client_watch(
            reactor,
            lambda sightings: self._channel.notify(calls.CLIENTS_SEEN, sightings),
            lambda: self._foundation.directory.view,
            lambda: self._loaded.settings,
        )
        data = startup.loaded.settings.data
        self._sinks = ProcessEvents(reactor, data, self._log, self._counts.counts, self._watch)
        self._events = self._sinks.all
        self._lag = Lag(reactor)
        self._served: dict[SocketKey, _Served] = {}
        self._factories: list[tuple[ListenProtocol, IServerFactory]] = []  # of closed sockets too
        self._ending = False
        self._foundation = Foundation(
            reactor,
            startup.loaded,
            startup.certificates,
            self._events,
            SharedCounts(COUNTS, startup.row, startup.key),
            RemoteUsages(self._channel, reactor.seconds),
            self._counts.counts,
        )
        self._watchers = self._foundation.accounts.watchers
        self._watchers.notify_others = FolderChanges(reactor, self._send_changes).add
        self._guard = RemoteGuard(self._channel)
        self._rates = RemoteRates(self._channel)

    def start(self) -> None:
        """Ask for sockets to serve. Raises BadFilter, DirectoryUnavailable, OSError."""
        observers = [self._log, CriticalEvents(self._reactor, self._counts.counts)]
        globalLogBeginner.beginLoggingTo(observers, redirectStandardIO=False)
        attach(self._reactor, self._channel, CHANNEL)
        self._use(self._loaded, self._new_services(self._loaded))
        self._foundation.start()
        self._sinks.start()
        gc.freeze()  # as in the head
        self._channel.notify(calls.READY)

    def _answers(self) -> calls.Answers:
        """The functions for the calls of the head."""
        return [
            calls.SERVE.answered_by(self._serve),
            calls.FOLDERS_CHANGED.answered_by(self._folders_changed),
            calls.SERVE_ALL_SENT.answered_by(lambda: self._channel.notify(calls.SERVING)),
            calls.RETIRE.answered_by(self._retire_for_head),
            calls.SESSIONS.answered_by(self._sessions),
            calls.MEASURES.answered_by(self._measures),
            calls.SETTINGS.answered_by(self._take_settings),
            calls.RELOAD.answered_by(self._reload),
            calls.CERTIFICATES.answered_by(self._use_certificates),
            calls.KEYS_CHANGED.answered_by(self._keys_changed),
            calls.END_SESSIONS.answered_by(self._end_sessions),
            calls.STOPPED.answered_by(self._stop_addresses),
        ]

    def _send_changes(self, changes: Sequence[FolderChange]) -> None:
        self._channel.notify(calls.FOLDERS_CHANGED, changes)

    def _folders_changed(self, changes: Sequence[FolderChange]) -> None:
        self._watchers.all_changed_elsewhere(changes)

    def _end_sessions(self, accounts: Sequence[Address]) -> None:
        self._foundation.sessions.end(accounts)

    def _stop_addresses(self, addresses: frozenset[str]) -> None:
        self._foundation.stopped.replace(addresses)
        self._watch.forget()  # a person may have looked

    def _keys_changed(self, domain: str) -> Deferred[None]:
        return Deferred.fromCoroutine(self._foundation.key_ring.read_again(domain))

    def _new_services(self, loaded: Loaded) -> Services:
        settings, spool = loaded.settings, self._foundation.spool
        intake = Intake(spool, Backoff(settings.queue), time.time, self._events)
        shared = Shared(
            RemoteAuthenticator(self._channel, partial(mechanisms_for, settings.login)),
            self._guard,
            RemoteQueue(self._channel, intake),
            self._rates,
            self._counts.counts,
            RemoteKeyMaker(self._channel, self._foundation.key_ring.read_again),
        )
        return Services(self._foundation, loaded, shared)

    def _take_settings(self, fd: int) -> None:
        """Keep the settings that the next reload is for."""
        with open(fd, "rb") as file:
            file.seek(0)
            self._newest = pickle.load(file)

    async def _reload(self) -> None:
        """Serve by new settings. Sockets of listeners that are new come after this call. Those of
        listeners that were removed are closed when it returns.

        Raises BadFilter, BadCertificate and OSError, with the former settings in use.
        """
        loaded, certificates = self._newest
        services = self._new_services(loaded)
        self._foundation.reconfigure(loaded, certificates)
        self._use(loaded, services)
        wanted = {listen.socket: listen for listen in loaded.settings.listen}
        removed = [key for key in self._served if key not in wanted]
        closing = [self._remove(self._served.pop(key)) for key in removed]
        for socket_key, served in self._served.items():
            served.listen = wanted[socket_key]
            serve(served.factory, services, served.listen)
        await gatherResults(closing)

    def _use(self, loaded: Loaded, services: Services) -> None:
        """Have the parts that live on work with the services of a new generation."""
        self._loaded, self._services = loaded, services
        self._watch.forget()  # other networks may be listed now
        self._sinks.reconfigure(loaded.settings)
        self._lag.measure(loaded.settings.metrics is not None)

    def _remove(self, served: _Served) -> Deferred[Any]:
        """Accept no more from a socket. Its connections go on."""
        Deferred.fromCoroutine(self._retire_factory(served.factory))
        return maybeDeferred(served.port.stopListening)

    async def _retire_factory(self, factory: IServerFactory) -> None:
        await factory.retire()
        self._factories = [pair for pair in self._factories if pair[1] is not factory]

    def _use_certificates(self, certificates: Sequence[CertificateSource]) -> None:
        self._foundation.tls.replace(certificates, self._foundation.tls.minimums)

    def _serve(self, fd: int, listen: Listen) -> None:
        """Accept from a socket that the head listens on too."""
        factory = make_factory(self._foundation, listen)
        serve(factory, self._services, listen)
        outer: Any = outermost(factory, listen, self._reactor)
        with socket.socket(fileno=fd) as shared:
            port = self._reactor.adoptStreamPort(shared.fileno(), shared.family, outer)
        self._served[listen.socket] = _Served(port, factory, listen)
        self._factories.append((listen.protocol, factory))

    def _measures(self) -> WorkerMeasures:
        sessions: Counter[str] = Counter()
        for protocol, factory in self._factories:
            sessions[protocol.value] += factory.open_count
        return WorkerMeasures(sessions, self._lag.longest)

    def _sessions(self) -> dict[SocketKey, int]:
        return {key: served.factory.open_count for key, served in self._served.items()}

    def stop(self) -> None:
        """End as at a stop of the whole host."""
        self._reactor.callFromThread(self._stop)

    def _stop(self) -> None:
        self._retire(self._services.settings.limits.stop_timeout)

    def _retire_for_head(self, seconds: float | None) -> None:
        self._channel.notify(calls.RETIRING)
        self._retire(seconds)

    def _retire(self, seconds: float | None) -> None:
        """Take nothing new. `seconds` None: let every connection end by itself."""
        Deferred.fromCoroutine(self._end(seconds))

    async def _end(self, seconds: float | None) -> None:
        for served in self._served.values():
            served.port.stopListening()
        self._served.clear()
        if seconds is None:
            ends = [factory.ended() for _, factory in self._factories]
        else:
            ends = [factory.drain(seconds) for _, factory in self._factories]
        await gatherResults([Deferred.fromCoroutine(each) for each in ends])
        if self._ending:
            return
        self._ending = True
        await self._sinks.stop()
        await self._foundation.stop()
        self._log.flush()
        self._counts.flush()
        assert self._channel.transport is not None
        self._channel.transport.loseConnection()

    def _channel_closed(self) -> None:
        os._exit(0 if self._ending else EXIT_HEAD_GONE)


def _log(reactor: IReactor, channel: Channel, ours: bool) -> LineLog | RemoteLog:
    """The log: `ours` to write, or the head's."""
    if not ours:
        return RemoteLog(reactor, channel)
    output = os.fdopen(LOG, "w", encoding="utf-8", errors="backslashreplace")
    return LineLog(reactor, output, LogLevel.warn)


def main() -> None:
    """Read the startup data and serve."""
    from twisted.internet import reactor

    with open(STARTUP, "rb") as file:
        startup = pickle.load(file)
    reactor.seconds = time.monotonic  # type: ignore[method-assign]  # as in the head
    worker = Worker(cast(IReactor, reactor), startup)
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

"""The whole host as one Twisted service: all of its parts are started and stopped in order.

The start goes from the disk up: folders, committer, directory, queue, listeners. Clients are served
as soon as the reactor runs; the host is ready when the queue has been read too. The stop goes the
other way: no new connections are accepted, transactions under way end within a limit, then the
queue stops, then the disk work. `reload` has the reload.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import ILogObserver, Logger

from mailhost.application.control import control_commands
from mailhost.application.demo import banner, make_demo
from mailhost.application.filters import BadFilter
from mailhost.application.head import Head
from mailhost.application.listener_set import ListenerSet
from mailhost.application.listeners import cannot_listen
from mailhost.application.metrics import MetricsListener
from mailhost.application.notify import Notifier
from mailhost.application.privileges import (
    WrongFolder,
    as_user,
    become,
    check_data_folder,
    make_data_folder,
)
from mailhost.application.reload import Reload
from mailhost.application.runnable import cannot_run
from mailhost.application.signals import EarlySignals
from mailhost.concurrency.timeouts import fired_within
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.directory.place import database_path, folder_is_new, in_use, why_missing
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.interfaces.directory import DirectoryError, DirectoryUnavailable
from mailhost.interfaces.events import IEventSink, Notice, Warned
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.store import ILock
from mailhost.net.control.server import listen_control
from mailhost.net.tls.server import BadCertificate
from mailhost.observe.lines import LineLog
from mailhost.observe.log import LogSink
from mailhost.store.lock import try_lock

READING_LIMIT = 60.0  # seconds that READY=1 waits for the queue: systemd waits 90 s for READY=1


class Host(Service):
    """`loaded` is a settings file without a fault. `log` is where the application is to log, None
    for the log of twistd. `signals` are those that came so far."""

    _queue_read: Deferred[None]

    def __init__(
        self, reactor: IReactor, loaded: Loaded, log: LineLog | None, signals: EarlySignals
    ) -> None:
        self._reactor = reactor
        self._signals = signals
        self._notifier = Notifier(os.environ)
        self._log = log
        self._loaded = loaded
        self._sink = log if log is not None else LogSink(Logger("mailhost"))
        self._events: IEventSink = self._sink  # counted too, as soon as there is a head
        self._listeners = ListenerSet(reactor)
        self._control: IListeningPort | None = None
        self._reload: Reload | None = None
        self._lock: ILock | None = None  # on the data folder, until the process ends
        self._head: Head | None = None
        self._metrics: MetricsListener | None = None
        self._first_start = False

    def setServiceParent(self, parent: Any) -> None:
        """Become part of an application, which logs where we say."""
        Service.setServiceParent(self, parent)
        if self._log is not None:
            parent.setComponent(ILogObserver, self._log)

    # --- starting --------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """Take the data folder, read the certificates, open the sockets; as root where need be."""
        Service.privilegedStartService(self)
        settings = self._loaded.settings
        fault = cannot_run(settings.user)
        if fault:
            sys.exit(f"mailhost: {fault}")
        try:
            self._take_data_folder(settings)
            self._head = Head(self._reactor, self._loaded, self._sink, self._listeners.shared)
            self._events = self._head.events
            self._listeners.use(self._listeners.open(self._head.foundation, settings), settings)
            self._metrics = MetricsListener(self._reactor, self._head, self._listeners)
            self._metrics.start(settings)
        except CannotListenError as error:
            sys.exit(f"mailhost: {cannot_listen(error)}")
        except OSError as error:
            sys.exit(f"mailhost: cannot use the data folder {settings.data}: {error}")
        except (BadCertificate, DirectoryError, WrongFolder) as bad:
            sys.exit(f"mailhost: {bad}")

    def _take_data_folder(self, settings: Settings) -> None:
        """Lock the data folder. At the very first start it is made, and the directory in it.

        Raises OSError, DirectoryError, WrongFolder.
        """
        first = make_data_folder(settings.data, settings.user)
        if first and settings.demo is None:
            self._events.emit(Warned("data", folder_is_new(settings.data)))
        if not first:
            check_data_folder(settings.data, settings.user)
        directory = database_path(settings.data)
        with as_user(settings.user):
            self._first_start = not in_use(settings.data)
            if not (first or os.path.exists(directory)):
                raise WrongFolder(why_missing(settings.data))
            self._lock = try_lock(os.path.join(settings.data, "lock"))
            if self._lock is None:
                sys.exit(f"mailhost: another mailhost runs on the data folder {settings.data}")
            DirectoryDatabase(directory, create=first).close()

    def startService(self) -> None:
        """Drop privileges, make what is missing on disk, and serve clients."""
        Service.startService(self)
        if self._head is None:
            self.privilegedStartService()
        assert self._head is not None
        settings = self._loaded.settings
        become(settings.user)
        try:
            if settings.demo is not None:
                make_demo(settings, settings.demo)
            assert self._metrics is not None
            reload = self._reload = Reload(
                self._head, self._listeners, self._metrics, self._notifier
            )
            commands = control_commands(self._head, self._listeners, reload.command)
            self._control = listen_control(self._reactor, settings.data, commands)
            self._queue_read = self._head.start()
            self._listeners.serve(self._head.services)
        except CannotListenError as error:
            sys.exit(f"mailhost: {cannot_listen(error)}")
        except BadFilter as bad:
            sys.exit(f"mailhost: {bad}")
        except (OSError, DirectoryUnavailable) as error:
            sys.exit(f"mailhost: cannot use the data folder {settings.data}: {error}")
        # a turn after the start, by when Twisted's own signal handlers are in place too
        self._reactor.callWhenRunning(self._reactor.callLater, 0, self._now_running)
        self._signals.hand_over()

    def _now_running(self) -> None:
        if self._signals.stop_asked:
            self._events.emit(Notice("asked to stop before it was ready"))
            self._reactor.stop()
            return
        gc.freeze()  # otherwise each full collection visits all modules, which takes up to 55 ms
        for address in self._listeners.addresses():
            self._events.emit(Notice(f"listening for {address}"))
        if self._metrics is not None and self._metrics.address:
            self._events.emit(Notice(f"listening for metrics on {self._metrics.address}"))
        read = fired_within(self._queue_read, self._reactor, READING_LIMIT)
        read.addCallback(self._now_ready)

    def _now_ready(self, queue_is_read: bool) -> None:
        """Report that the host is ready. Clients are served since `_now_running`."""
        if not self.running:
            return
        settings = self._loaded.settings
        text = f"{settings.hostname} is ready, its data in {settings.data}"
        more = "" if queue_is_read else "; the queue is still being read"
        self._events.emit(Notice(text + more))
        if settings.demo is not None:
            # past the log, so that what it prints can be pasted
            print(banner(self._loaded, settings.demo), file=sys.__stdout__, flush=True)
        self._notifier.ready()
        reload = self._reload
        assert reload is not None
        if self._first_start and self._head is not None:
            self._head.doctor.first_start()
        self._signals.listen(lambda: self._reactor.callFromThread(reload.run))
        if self._signals.reload_asked:
            self._events.emit(Notice("SIGHUP came before the host was ready"))
            reload.run()

    # --- stopping --------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Stop in order; the reactor waits for it."""
        Service.stopService(self)
        loaded = self._loaded if self._head is None else self._head.loaded
        seconds = loaded.settings.limits.stop_timeout
        if self._reload is not None:
            self._reload.stop()
        self._notifier.stopping()
        self._events.emit(Notice(f"stopping; what is under way has {seconds:g} seconds to end"))
        return Deferred.fromCoroutine(self._stop(seconds))

    async def _stop(self, seconds: float) -> None:
        self._signals.listen(lambda: None)
        if self._head is not None:
            self._head.stopping = True
        await self._listeners.close()
        ends = [Deferred.fromCoroutine(self._listeners.drain(seconds))]
        if self._head is not None:
            ends.append(Deferred.fromCoroutine(self._head.workers.stop(seconds)))
        await gatherResults(ends)
        if self._metrics is not None:
            await self._metrics.close()
        if self._control is not None:
            await _fired(self._control.stopListening())
        if self._head is not None:
            await self._head.stop(seconds)


async def _fired(maybe: Deferred[Any] | None) -> None:
    if maybe is not None:
        await maybe

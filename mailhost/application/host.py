"""The whole host: settings become services, started and stopped in order, reloaded in place.

Starting goes from the disk up: folders, committer, directory, queue, then the listeners speak.
Stopping goes the other way: no new connections, what is under way ends (bounded), then the queue,
then the disk. A reload is refused whole when its settings have a fault.
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
from mailhost.application.listeners import Listener, cannot_listen
from mailhost.application.notify import Notifier
from mailhost.application.privileges import (
    WrongFolder,
    as_user,
    become,
    check_data_folder,
    make_data_folder,
)
from mailhost.application.protocols import make_factory, serve
from mailhost.application.runnable import cannot_run
from mailhost.application.signals import EarlySignals
from mailhost.config.load import BadSettings, Loaded, load
from mailhost.config.model import Listen, Settings
from mailhost.config.reload import changed_secrets, changes, for_running
from mailhost.directory.place import database_path, folder_is_new, why_missing
from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.interfaces.directory import DirectoryError, DirectoryUnavailable
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.store import ILock
from mailhost.net.control.server import Refused, listen_control
from mailhost.net.tls.server import BadCertificate
from mailhost.observe.lines import LineLog
from mailhost.observe.log import LogSink
from mailhost.store.lock import try_lock


class Host(Service):
    """`loaded` is a settings file fit for use. `log` is where the application is to log, None for
    the log of twistd. `signals` are those that came so far."""

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
        self._listeners: list[Listener] = []
        self._control: IListeningPort | None = None
        self._lock: ILock | None = None  # on the data folder, until the process ends
        self._head: Head | None = None

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
            self._head = Head(self._reactor, self._loaded, self._sink, self._shared)
            self._events = self._head.events
            self._listeners += map(self._open, settings.listen)
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
            self._events.emit(Faulted("data", folder_is_new(settings.data)))
        if not first:
            check_data_folder(settings.data, settings.user)
        directory = database_path(settings.data)
        with as_user(settings.user):
            if not (first or os.path.exists(directory)):
                raise WrongFolder(why_missing(settings.data))
            self._lock = try_lock(os.path.join(settings.data, "lock"))
            if self._lock is None:
                sys.exit(f"mailhost: another mailhost runs on the data folder {settings.data}")
            DirectoryDatabase(directory, create=first).close()

    def startService(self) -> None:
        """Drop privileges, make what is missing on disk, and let everybody in."""
        Service.startService(self)
        if self._head is None:
            self.privilegedStartService()
        assert self._head is not None
        settings = self._loaded.settings
        become(settings.user)
        try:
            if settings.demo is not None:
                make_demo(settings, settings.demo)
            commands = control_commands(self._head, self._reload_asked)
            self._control = listen_control(self._reactor, settings.data, commands)
            self._head.start()
            self._serve()
        except CannotListenError as error:
            sys.exit(f"mailhost: {cannot_listen(error)}")
        except BadFilter as bad:
            sys.exit(f"mailhost: {bad}")
        except (OSError, DirectoryUnavailable) as error:
            sys.exit(f"mailhost: cannot use the data folder {settings.data}: {error}")
        # a turn after the start, by when Twisted's own signal handlers are in place too
        self._reactor.callWhenRunning(self._reactor.callLater, 0, self._now_running)
        self._signals.hand_over()

    def _open(self, listen: Listen) -> Listener:
        assert self._head is not None
        factory = make_factory(self._head.foundation, listen)
        listener = Listener(self._reactor, listen, factory)
        listener.open(self._loaded.settings.user)
        return listener

    def _serve(self) -> None:
        """Have each listener make its sessions with the services of the present settings."""
        assert self._head is not None
        for listener in self._listeners:
            serve(listener.factory, self._head.services, listener.listen)

    def _shared(self) -> list[tuple[int, Listen]]:
        """The sockets that workers can serve too."""
        found = [(listener.shared, listener.listen) for listener in self._listeners]
        return [(fd, listen) for fd, listen in found if fd is not None]

    def _now_running(self) -> None:
        if self._signals.stop_asked:
            self._events.emit(Notice("asked to stop before it was ready"))
            self._reactor.stop()
            return
        self._signals.listen(lambda: self._reactor.callFromThread(self.reload))
        gc.freeze()  # otherwise each full collection visits all modules, which takes up to 55 ms
        self._tell_ready()
        self._notifier.ready()
        if self._signals.reload_asked:
            self._events.emit(Notice("SIGHUP came before the host was ready"))
            self.reload()

    def _tell_ready(self) -> None:
        for listener in self._listeners:
            where = f"{listener.listen.protocol.value} on {listener.address}"
            self._events.emit(Notice(f"listening for {where}"))
        settings = self._loaded.settings
        self._events.emit(Notice(f"{settings.hostname} is ready, its data in {settings.data}"))
        if settings.demo is not None:
            # past the log, so that what it prints can be pasted
            print(banner(self._loaded, settings.demo), file=sys.__stdout__, flush=True)

    # --- reloading -------------------------------------------------------------------------------

    async def _reload_asked(self) -> list[str]:
        problems = await self.reload()
        if problems:
            raise Refused("\n".join(problems))
        return []

    def reload(self) -> Deferred[list[str]]:
        """Read settings and certificates anew, in all processes; return the problems that refused
        them, if any. Connections go on: new settings hold for new connections."""
        self._notifier.reloading()
        reloading = Deferred.fromCoroutine(self._try_reload())
        return reloading.addBoth(self._reloaded)

    def _reloaded(self, result: list[str]) -> list[str]:
        self._notifier.ready()
        return result

    async def _try_reload(self) -> list[str]:
        try:
            loaded = load(self._loaded.path)
            changed = self._replace(loaded)
            assert self._head is not None
            await self._head.workers.renewed()
            text = "; ".join(changed) or "nothing changed but certificates, perhaps"
            self._events.emit(Notice(f"reloaded: {text}"))
            return []
        except BadSettings as bad:
            problems = [str(problem) for problem in bad.problems]
        except CannotListenError as bad:
            problems = [cannot_listen(bad)]
        except (BadCertificate, BadFilter, OSError) as bad:
            problems = [str(bad)]
        self._events.emit(Faulted("reload refused, the old settings go on", "; ".join(problems)))
        return problems

    def _replace(self, loaded: Loaded) -> list[str]:
        """Use other settings; return the changes as text. Raises CannotListenError, BadCertificate,
        BadFilter and OSError, with nothing changed."""
        assert self._head is not None
        changed = [*changes(self._loaded.settings, loaded.settings)]
        changed += changed_secrets(self._loaded, loaded)
        loaded = for_running(loaded, self._loaded)  # a worker that starts later must agree too
        opened = self._open_new(loaded.settings.listen)
        try:
            self._head.replace(loaded)
        except (BadCertificate, BadFilter, OSError):
            for listener in opened:
                Deferred.fromCoroutine(listener.close())
            raise
        self._loaded = loaded
        wanted = {listen.socket: listen for listen in loaded.settings.listen}
        kept = [old for old in self._listeners if old.listen.socket in wanted]
        for gone in self._listeners:
            if gone not in kept:
                Deferred.fromCoroutine(self._retire(gone))
        self._listeners = kept + opened
        for listener in self._listeners:
            listener.listen = wanted[listener.listen.socket]
        self._serve()
        self._head.employ()
        return list(map(str, changed))

    def _open_new(self, wanted: tuple[Listen, ...]) -> list[Listener]:
        """Open the listeners that are new; all or none. Raises CannotListenError."""
        opened: list[Listener] = []
        try:
            for listen in wanted:
                if all(old.listen.socket != listen.socket for old in self._listeners):
                    opened.append(self._open(listen))
        except CannotListenError:
            for listener in opened:
                Deferred.fromCoroutine(listener.close())
            raise
        return opened

    async def _retire(self, listener: Listener) -> None:
        await listener.close()
        await listener.drain(self._loaded.settings.limits.stop_timeout)

    # --- stopping --------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        """Stop in order; the reactor waits for it."""
        Service.stopService(self)
        seconds = self._loaded.settings.limits.stop_timeout
        self._notifier.stopping()
        self._events.emit(Notice(f"stopping; what is under way has {seconds:g} seconds to end"))
        return Deferred.fromCoroutine(self._stop())

    async def _stop(self) -> None:
        self._signals.listen(lambda: None)
        seconds = self._loaded.settings.limits.stop_timeout
        for listener in self._listeners:
            await listener.close()
        ends = [Deferred.fromCoroutine(listener.drain(seconds)) for listener in self._listeners]
        if self._head is not None:
            ends.append(Deferred.fromCoroutine(self._head.workers.stop(seconds)))
        await gatherResults(ends)
        if self._control is not None:
            await _fired(self._control.stopListening())
        if self._head is not None:
            await self._head.stop(seconds)


async def _fired(maybe: Deferred[Any] | None) -> None:
    if maybe is not None:
        await maybe

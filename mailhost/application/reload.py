"""The reload: settings and certificates are read again and used, without a restart.

Connections that are open go on with their services; new ones get the new settings. A reload is
refused as a whole if its settings have a fault, if a listener cannot be opened, or if a certificate
or filter cannot be used: all then stays as it was. One reload is under way at a time. All that are
asked for meanwhile are carried out as one after it. The steps are:

1. The settings are read and checked (`config/load`). Settings that are read at the start only
   keep their values (`config/changes`).
2. Listeners that are new are opened (`listener_set`, `metrics`).
3. The head makes new services, and reconfigures what outlives them (`head`, `foundation`).
4. The listeners use the new services.
5. The workers are sent the settings and do the same (`workers/pool`, `worker`).
6. The sockets of removed listeners are closed: the workers have closed theirs by then.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.logger import Logger
from twisted.python.failure import Failure

from mailhost.application.filters import BadFilter
from mailhost.application.head import Head
from mailhost.application.listener_set import ListenerSet, close_all
from mailhost.application.listeners import cannot_listen
from mailhost.application.metrics import MetricsListener
from mailhost.application.notify import Notifier
from mailhost.config.changes import SettingChange, changed_secrets, changes, for_running
from mailhost.config.load import BadSettings, Loaded, load
from mailhost.interfaces.events import Faulted, Notice
from mailhost.net.control.server import CommandRefused
from mailhost.net.tls.server import BadCertificate


class _Stopping(Exception):
    """The host stops, so settings are not changed any more."""


@dataclass(frozen=True, slots=True)
class ReloadResult:
    """`problems` are the reasons of a refusal, empty for a reload that was carried out. `later` are
    changes that take effect at the next start."""

    problems: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


class Reload:
    """Reloads one host, as often as it is asked to."""

    _log = Logger("mailhost")

    def __init__(
        self, head: Head, listeners: ListenerSet, metrics: MetricsListener, notifier: Notifier
    ) -> None:
        self._head = head
        self._listeners = listeners
        self._metrics = metrics
        self._notifier = notifier
        self._events = head.events
        self._under_way = False
        self._stopping = False
        self._waiting: list[Deferred[ReloadResult]] = []  # for the next reload

    def stop(self) -> None:
        """Refuse reloads from now on, as the host stops."""
        self._stopping = True

    async def command(self, path: str = "") -> list[str]:
        """Reload for the `mailhost` command, whose settings file is `path` if it names one.

        Return the changes that take effect at the next start. Raises CommandRefused.
        """
        own = self._head.loaded.path
        in_thread = self._head.foundation.in_thread
        if path and not await in_thread(partial(_is_same_file, path, own)):
            remedy = "name that file with --config, or restart the host with the other"
            raise CommandRefused(f"the host uses {own}, not {path}; {remedy}")
        result = await self.run()
        if result.problems:
            raise CommandRefused("\n".join(result.problems))
        return list(result.later)

    def run(self) -> Deferred[ReloadResult]:
        """Reload all processes, after the reload that is under way, if any."""
        answer: Deferred[ReloadResult] = Deferred()
        self._waiting.append(answer)
        if not self._under_way:
            self._begin()
        return answer

    def _begin(self) -> None:
        waiting, self._waiting = self._waiting, []
        self._under_way = True
        self._notifier.reloading()
        running = Deferred.fromCoroutine(self._try()).addErrback(self._failed)
        running.addCallback(self._ended, waiting)

    def _failed(self, failure: Failure) -> ReloadResult:
        """A bug, or an exception of a filter's code that no caller expects: log and answer it."""
        self._log.failure("a reload failed", failure)
        what = f"{type(failure.value).__name__}: {failure.getErrorMessage()}".removesuffix(": ")
        return ReloadResult((f"internal fault: {what}; the host's log says more",))

    def _ended(self, result: ReloadResult, waiting: Sequence[Deferred[ReloadResult]]) -> None:
        self._under_way = False
        self._notifier.reloaded()
        if self._waiting:
            self._begin()
        for answer in waiting:
            answer.callback(result)

    async def _try(self) -> ReloadResult:
        try:
            loaded, tls = await self._load(), self._head.foundation.tls
            before = tls.pem
            changed = self._replace(loaded)
            renewed = ["other certificates are in use"] if tls.pem != before else []
            await self._head.workers.reloaded()
            await self._listeners.close_removed()
            text = "; ".join([*map(str, changed), *renewed]) or "nothing changed"
            self._events.emit(Notice(f"reloaded: {text}"))
            return ReloadResult(later=tuple(str(change) for change in changed if change.later))
        except BadSettings as bad:
            problems = [str(problem) for problem in bad.problems]
        except CannotListenError as bad:
            problems = [cannot_listen(bad)]
        except (BadCertificate, BadFilter, OSError, _Stopping) as bad:
            problems = [str(bad)]
        self._events.emit(Faulted("reload refused, the old settings go on", "; ".join(problems)))
        return ReloadResult(tuple(problems))

    async def _load(self) -> Loaded:
        """Read the settings, in a thread since large files take long.

        Raises BadSettings, _Stopping.
        """
        if not self._stopping:
            loaded = await self._head.foundation.in_thread(partial(load, self._head.loaded.path))
        if self._stopping:
            raise _Stopping("the host is stopping")
        return loaded

    def _replace(self, loaded: Loaded) -> list[SettingChange]:
        """Use other settings; return the changes. Raises CannotListenError, BadCertificate,
        BadFilter and OSError, with nothing changed."""
        head, former = self._head, self._head.loaded
        changed = [*changes(former.settings, loaded.settings), *changed_secrets(former, loaded)]
        loaded = for_running(loaded, former)  # a worker that starts later must agree too
        opened = self._listeners.open(head.foundation, loaded.settings)
        try:
            with self._metrics.opened(loaded.settings):
                head.replace(loaded)
        except BaseException:  # the code of a filter may raise anything
            close_all(opened)
            raise
        self._listeners.use(opened, loaded.settings)
        self._listeners.serve(head.services)
        head.assign_workers()
        return changed


def _is_same_file(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)

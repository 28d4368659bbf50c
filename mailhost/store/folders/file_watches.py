"""Notices at once what other programs change in Maildirs that clients have selected: inotify(7).

Where the system has no inotify, or all its watches are taken, the folders are looked at every
POLL seconds. Twisted ends the whole of an `INotify` when one watched folder is removed; then
another one is made, with the watches that are left.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.filepath import FilePath

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.reactor import IReactor

inotify: Any
try:
    from twisted.internet import inotify
except ImportError:  # not Linux
    inotify = None

POLL = 5.0  # seconds between two looks at folders without inotify
PLACES = ("new", "cur")

Changed = Callable[[], None]


class FileWatches:
    """The watched Maildirs of this process."""

    _log = Logger()

    def __init__(self, reactor: IReactor, in_thread: InThread) -> None:
        self._reactor = reactor
        self._in_thread = in_thread
        self._watched: dict[str, list[Changed]] = {}
        self._notifier: Any = None
        self._polled: dict[str, int] = {}  # what is not watched by the system, with its last mtimes
        self._polling: IDelayedCall | None = None

    def add(self, path: str, changed: Changed) -> None:
        """Call `changed` after each change in the Maildir at `path`, until `remove`."""
        callbacks = self._watched.setdefault(path, [])
        callbacks.append(changed)
        if len(callbacks) == 1:
            self._begin(path)

    def remove(self, path: str, changed: Changed) -> None:
        """End what `add` began."""
        callbacks = self._watched.get(path, [])
        if changed in callbacks:
            callbacks.remove(changed)
        if not callbacks and self._watched.pop(path, None) is not None:
            self._polled.pop(path, None)
            self._end(path)

    def stop(self) -> None:
        """Watch nothing any more."""
        self._watched.clear()
        self._polled.clear()
        if self._polling is not None and self._polling.active():
            self._polling.cancel()
        notifier, self._notifier = self._notifier, None
        if notifier is not None:
            notifier.stopReading()
            notifier.loseConnection()

    # --- inotify ---------------------------------------------------------------------------------

    def _begin(self, path: str) -> None:
        if inotify is None or not self._watch(path):
            self._polled[path] = 0
            self._poll_later()

    def _watch(self, path: str) -> bool:
        """Have the system watch a Maildir; False where it cannot."""
        mask = inotify.IN_MOVED_TO | inotify.IN_MOVED_FROM | inotify.IN_CREATE | inotify.IN_DELETE
        try:
            if self._notifier is None:
                self._notifier = _notifier(self._reactor, self._notifier_lost)
            for place in PLACES:
                place_path = FilePath(os.path.join(path, place))
                self._notifier.watch(place_path, mask, callbacks=[self._noticed(path)])
        except (OSError, inotify.INotifyError) as error:
            self._log.debug("cannot watch {path}: {error}", path=path, error=error)
            return False
        return True

    def _noticed(self, path: str) -> Callable[[object, object, int], None]:
        def noticed(_: object, __: object, mask: int) -> None:
            self._changed(path)

        return noticed

    def _end(self, path: str) -> None:
        if self._notifier is None:
            return
        for place in PLACES:
            try:
                self._notifier.ignore(FilePath(os.path.join(path, place)))
            except (KeyError, OSError):  # it was polled, or is gone
                continue

    def _notifier_lost(self) -> None:
        """A watched folder was removed, and the notifier ended with it."""
        self._notifier = None
        for path in list(self._watched):
            self._changed(path)
            if path not in self._polled:
                self._begin(path)

    def _changed(self, path: str) -> None:
        for changed in list(self._watched.get(path, ())):
            changed()

    # --- polling ---------------------------------------------------------------------------------

    def _poll_later(self) -> None:
        if self._polling is None or not self._polling.active():
            self._polling = self._reactor.callLater(POLL, self._poll)

    def _poll(self) -> None:
        paths = list(self._polled)
        if paths:
            found: Deferred[Mapping[str, int]] = self._in_thread(lambda: _mtimes(paths))
            found.addCallback(self._polled_now)
            found.addErrback(lambda failure: self._log.failure("Cannot look at folders", failure))

    def _polled_now(self, mtimes: Mapping[str, int]) -> None:
        for path, mtime in mtimes.items():
            if path in self._polled and self._polled[path] != mtime:
                self._polled[path] = mtime
                self._changed(path)
        self._poll_later()


def _mtimes(paths: list[str]) -> dict[str, int]:
    """Return a number for each Maildir that changes with its files."""
    found = {}
    for path in paths:
        times = []
        for place in PLACES:
            try:
                times.append(os.stat(os.path.join(path, place)).st_mtime_ns)
            except OSError:
                times.append(-1)
        found[path] = hash(tuple(times))
    return found


def _notifier(reactor: IReactor, lost: Callable[[], None]) -> Any:
    """Return a notifier that reads; `lost` is called when it ended."""

    class Notifier(inotify.INotify):  # type: ignore[misc]  # it has no types
        def connectionLost(self, reason: Any) -> None:
            super().connectionLost(reason)
            lost()

    notifier = Notifier(reactor)
    notifier.startReading()
    return notifier

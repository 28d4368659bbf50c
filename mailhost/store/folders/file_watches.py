"""Notices at once what other programs change in Maildirs that clients have selected: inotify(7).

Where the system has no inotify, or all its watches are taken, the folders are looked at every
POLL seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from mailhost.concurrency.threads import InThread
from mailhost.interfaces.reactor import IReactor
from mailhost.store.folders.mtimes import READ_AGAIN

if TYPE_CHECKING:
    from mailhost.store.folders.directory_events import DirectoryEvents

POLL = 5.0  # seconds between two looks at folders without inotify
LOOK_AFTER = READ_AGAIN + 0.1  # seconds; before, a change may have left the mtime as it was
PLACES = ("new", "cur")

Changed = Callable[[], None]


class FileWatches:
    """The watched Maildirs of this process."""

    _log = Logger()

    def __init__(self, reactor: IReactor, in_thread: InThread) -> None:
        self._reactor = reactor
        self._in_thread = in_thread
        self._watched: dict[str, list[Changed]] = {}
        self._events: DirectoryEvents | None = None
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

    @contextmanager
    def paused(self, path: str) -> Iterator[None]:
        """Have the system report no changes in the Maildir at `path` until the block ends, which
        changes thousands of files itself: each event costs the kernel and us time. Changes by other
        programs meanwhile are looked for afterwards."""
        if path in self._watched and path not in self._polled:
            self._end(path)
        try:
            yield
        finally:
            if path in self._watched and path not in self._polled:
                self._begin(path)
                self._reactor.callLater(LOOK_AFTER, self._changed, path)

    def stop(self) -> None:
        """Watch nothing any more."""
        self._watched.clear()
        self._polled.clear()
        if self._polling is not None and self._polling.active():
            self._polling.cancel()
        events, self._events = self._events, None
        if events is not None:
            events.stop()

    # --- inotify ---------------------------------------------------------------------------------

    def _begin(self, path: str) -> None:
        if not self._watch(path):
            self._polled[path] = 0
            self._poll_later()

    def _watch(self, path: str) -> bool:
        """Have the system watch a Maildir; False where it cannot."""
        try:
            if self._events is None:
                self._events = _events(self._reactor, self._noticed, self._gone)
            for place in PLACES:
                self._events.begin(os.path.join(path, place))
        except Exception as error:  # noqa: BLE001 - no inotify, or what its wrapper raises
            self._log.debug("cannot watch {path}: {error}", path=path, error=error)
            return False
        return True

    def _noticed(self, places: Collection[str]) -> None:
        for path in {os.path.dirname(place) for place in places}:
            self._changed(path)

    def _gone(self, place: str) -> None:
        """A watched directory was removed. Another one may be made at its place."""
        path = os.path.dirname(place)
        if path in self._watched and path not in self._polled:
            self._begin(path)

    def _end(self, path: str) -> None:
        if self._events is not None:
            for place in PLACES:
                self._events.end(os.path.join(path, place))

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


def _events(
    reactor: IReactor, changed: Callable[[Collection[str]], None], gone: Callable[[str], None]
) -> DirectoryEvents:
    """Return what watches directories. Raises ImportError where the system has no inotify."""
    from mailhost.store.folders.directory_events import DirectoryEvents

    return DirectoryEvents(reactor, changed, gone)

"""The running host's directory: one view of file and database, made anew when either changes.

The database is looked at in a thread: once a second, and whenever somebody is about to be refused
as unknown. All who ask at once share one look. While it cannot be read the last view stays.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from mailhost.directory.sqlite import DirectoryDatabase
from mailhost.directory.union import clashes, union
from mailhost.events import Faulted, Told
from mailhost.interfaces import DirectoryUnavailable, IDirectory, IEventSink
from mailhost.message.accounts import DirectoryView

INTERVAL = 1.0  # seconds between looks


@implementer(IDirectory)
class LiveDirectory:
    """`start` reads the database once, waiting for it, and then keeps looking."""

    def __init__(
        self,
        reactor: Any,
        file_view: DirectoryView,
        database: DirectoryDatabase,
        events: IEventSink,
    ) -> None:
        self._reactor = reactor
        self._file_view = file_view
        self._database = database
        self._database_view = DirectoryView()
        self._version = -1
        self._events = events
        self._pool = ThreadPool(0, 1, "directory")
        self._looking: list[Deferred[None]] | None = None
        self._fault = ""
        self._again = LoopingCall(self._look_quietly)
        self._again.clock = reactor
        self.view = file_view

    def start(self) -> None:
        """Read everything for the first time. Blocks, and raises sqlite3.Error."""
        version, view = self._read(-1)
        self._take(version, view)
        self._pool.start()
        self._again.start(INTERVAL, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._again.running:
            self._again.stop()
        self._pool.stop()
        self._database.close()

    def replace_file_view(self, view: DirectoryView) -> None:
        """The settings file was read anew."""
        self._file_view = view
        self._merge()

    async def refresh(self) -> DirectoryView:
        await self._join()  # that look may have begun before what the asker knows of
        if self._looking is None:
            await self._look()
        else:
            await self._join()
        if self._fault:
            raise DirectoryUnavailable(self._fault)
        return self.view

    async def _join(self) -> None:
        """Wait for the look that is under way, if one is."""
        if self._looking is not None:
            waiting: Deferred[None] = Deferred()
            self._looking.append(waiting)
            await waiting

    async def _look(self) -> None:
        self._looking = []
        try:
            found = await deferToThreadPool(self._reactor, self._pool, self._read, self._version)
        except (sqlite3.Error, OSError, ValueError) as error:
            self._failed(error)
        else:
            self._recovered()
            self._take(*found)
        finally:
            waiting, self._looking = self._looking, None
            for deferred in waiting:
                deferred.callback(None)

    def _read(self, known: int) -> tuple[int, DirectoryView | None]:
        """In a thread: return the version, and the view where it changed."""
        version = self._database.version()
        return version, None if version == known else self._database.view()

    def _take(self, version: int, view: DirectoryView | None) -> None:
        self._version = version
        if view is None:
            return
        self._database_view = view
        self._merge()
        for name in clashes(self._file_view, view):
            words = f"the domain {name} is in the settings file and the database; the file wins"
            self._events.tell(Told(words))

    def _merge(self) -> None:
        self.view = union(self._file_view, self._database_view)

    def _failed(self, error: Exception) -> None:
        if not self._fault:
            self._events.tell(
                Faulted("directory database, what was read before is used", str(error))
            )
        self._fault = f"directory database: {error}"

    def _recovered(self) -> None:
        if self._fault:
            self._fault = ""
            self._events.tell(Told("the directory database can be read again"))

    def _look_quietly(self) -> None:
        if self._looking is None:
            Deferred.fromCoroutine(self._look())

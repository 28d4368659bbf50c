"""The directory of a running host: a view in memory that is kept up to date.

The database is read in a thread, and only if its change stamp has changed. If it cannot be read,
the last view stays in use, `refresh` raises DirectoryUnavailable, and the fault is logged once. The
host tries to read it again every second. A view without any domain is a fault too: `refresh` then
raises DirectoryUnavailable, so that no recipient is refused for good.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from mailhost.concurrency.threads import InThread, threads_of
from mailhost.directory.sqlite import DirectoryBroken, DirectoryDatabase, Stamp
from mailhost.directory.union import unite
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.directory import DirectoryError, DirectoryUnavailable, IDirectory
from mailhost.interfaces.events import Faulted, IEventSink, Notice, Warned
from mailhost.interfaces.reactor import IReactor

CHECK_PERIOD = 1.0  # seconds between two checks for changes
LOCK_TIMEOUT = 2.0  # seconds that a check waits while another process locks the database
CHECK_TIMEOUT = 3.0  # seconds for a check; SQLite may wait for longer than LOCK_TIMEOUT
NO_ANSWER = f"the database does not answer within {CHECK_TIMEOUT:g} seconds"
NO_DOMAIN = (
    "there is no domain, in the settings file or in the directory: unknown recipients are answered "
    "451 until `mailhost domain add` adds one, or the directory is restored from a backup"
)

Change = DirectoryView | None  # None: nothing has changed


def _ignore(before: DirectoryView, after: DirectoryView) -> None:
    """Do nothing about another view."""


@implementer(IDirectory)
class LiveDirectory:
    """With `database_path` None, the directory has only the domains of the settings file.

    `start` must be called before the first request, `stop` at the end. `changed` is called with the
    former view and the new one, once the new one is in use. `in_thread` is for tests; it defaults
    to the reactor's threads.
    """

    def __init__(
        self,
        reactor: IReactor,
        file_view: DirectoryView,
        database_path: str | None,
        events: IEventSink,
        in_thread: InThread | None = None,
    ) -> None:
        self.view = file_view
        self.changed: Callable[[DirectoryView, DirectoryView], None] = _ignore
        self._file_view = file_view
        self._database_view = DirectoryView()
        self._watched = _Watched(database_path) if database_path else None
        self._events = events
        self._in_thread = in_thread or threads_of(reactor)
        self._clashes: tuple[str, ...] = ()
        self._outage = ""  # why the database cannot be read
        self._checking = False
        self._overdue = False
        self._clock = IReactorTime(reactor)
        self._waiting: list[Deferred[DirectoryView]] = []
        self._periodic = LoopingCall(self._tick)
        self._periodic.clock = self._clock
        self._log = Logger("mailhost.directory")

    def start(self) -> None:
        """Read the whole directory, and begin to check for changes.

        Blocks while the directory is read. Raises DirectoryUnavailable, also if there is no
        database: a host that does not know its domains must not start, because it would treat their
        mail as mail for other hosts.
        """
        if self._watched is None or self._periodic.running:
            return
        try:
            self._found(self._watched.changed_view())
        except DirectoryError as error:
            raise DirectoryUnavailable(str(error)) from error
        self._periodic.start(CHECK_PERIOD, now=False)

    def stop(self) -> None:
        """Stop checking for changes."""
        if self._periodic.running:
            self._periodic.stop()

    @property
    def outage(self) -> str:
        """Why the database cannot be read now, empty while it can."""
        return self._outage

    def refresh(self) -> Deferred[DirectoryView]:
        """Check for changes, and return the newest view.

        All calls during a check share the next check, because the present check may have begun
        before the change that the caller needs.
        """
        answer: Deferred[DirectoryView] = Deferred()
        if self._watched is None:
            self._answer(answer)
            return answer
        if self._overdue:
            answer.errback(DirectoryUnavailable(NO_ANSWER))
            return answer
        self._waiting.append(answer)
        if not self._checking:
            self._check(self._watched)
        return answer

    def reconfigure(self, view: DirectoryView) -> None:
        """Use other domains of the settings file from now on."""
        self._file_view = view
        self._unite()

    def _check(self, watched: _Watched) -> None:
        self._checking = True
        asked, self._waiting = self._waiting, []
        timer = self._clock.callLater(CHECK_TIMEOUT, self._give_up, asked)
        self._in_thread(watched.changed_view).addBoth(self._checked, watched, asked, timer)

    def _give_up(self, asked: list[Deferred[DirectoryView]]) -> None:
        """A check takes too long: all requests fail at once until it has ended."""
        self._overdue = True
        late = [*asked, *self._waiting]
        asked.clear()
        self._waiting.clear()
        failure = Failure(DirectoryUnavailable(NO_ANSWER))
        self._failed(failure)
        for answer in late:
            answer.errback(failure)

    def _checked(
        self,
        change: Change | Failure,
        watched: _Watched,
        asked: list[Deferred[DirectoryView]],
        timer: IDelayedCall,
    ) -> None:
        if timer.active():
            timer.cancel()
        self._checking = self._overdue = False
        if isinstance(change, Failure):
            self._failed(change)
        else:
            self._found(change)
        for answer in asked:
            if isinstance(change, Failure):
                answer.errback(DirectoryUnavailable(change.getErrorMessage()))
            else:
                self._answer(answer)
        if self._waiting and not self._checking:
            self._check(watched)

    def _answer(self, asked: Deferred[DirectoryView]) -> None:
        if self.view.domains:
            asked.callback(self.view)
        else:
            asked.errback(DirectoryUnavailable(NO_DOMAIN))

    def _found(self, change: Change) -> None:
        if change is not None:
            self._take(change)
        if self._outage:
            self._outage = ""
            self._events.emit(Notice("directory: it can be read again"))

    def _failed(self, failure: Failure) -> None:
        if not failure.check(DirectoryError, DirectoryUnavailable):
            self._log.failure("Reading the directory failed", failure)
        if not self._outage:
            self._outage = failure.getErrorMessage() or "unknown"
            self._events.emit(Faulted("directory", self._outage))

    def _take(self, view: DirectoryView) -> None:
        self._database_view = view
        self._unite()

    def _unite(self) -> None:
        union = unite(self._file_view, self._database_view)
        if self.view.domains and not union.view.domains:
            self._events.emit(Warned("directory", NO_DOMAIN))
        former, self.view = self.view, union.view
        for text in union.clashes:
            if text not in self._clashes:
                self._events.emit(Warned("directory", text))
        self._clashes = union.clashes
        self.changed(former, union.view)

    async def _tick(self) -> None:
        try:
            await self.refresh()
        except DirectoryUnavailable:
            return  # logged already


class _Watched:
    """The database and its last change stamp. Used in one thread at a time; blocks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._database: DirectoryDatabase | None = None
        self._stamp: Stamp | None = None
        self._had_domains = False

    def changed_view(self) -> Change:
        """Return the view of the database, None if nothing has changed since the last call.

        Raises DirectoryError, also if a database without any domain has replaced the former one,
        since that is a mistake of the operator.
        """
        database = self._open()
        stamp = database.version()
        if stamp == self._stamp:
            return None
        view = database.view()
        if self._stamp is None and self._had_domains and not view.domains:
            raise DirectoryBroken(f"{self._path} was replaced by one without any domain")
        # taken before reading, so that a change in between is found at the next call
        self._stamp = stamp
        self._had_domains = bool(view.domains)
        return view

    def _open(self) -> DirectoryDatabase:
        if self._database is not None and self._database.replaced():
            self._database.close()
            self._database = self._stamp = None
        if self._database is None:
            self._database = DirectoryDatabase(self._path, LOCK_TIMEOUT)
        return self._database

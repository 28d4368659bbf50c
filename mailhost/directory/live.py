"""The directory as the running host sees it: always a view at hand, kept up to date.

The database is read in a thread, and only when its change stamp says that something is new. Where
it cannot be read the last view stays, `refresh` raises DirectoryUnavailable, and the fault is
logged once; it is tried again every second. A view without any domain is a fault too: `refresh`
then raises DirectoryUnavailable, so that no recipient is refused for good.
"""

from __future__ import annotations

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
from mailhost.interfaces.events import Faulted, IEventSink, Notice
from mailhost.interfaces.reactor import IReactor

PERIOD = 1.0  # seconds until what was removed elsewhere is gone here
PATIENCE = 2.0  # seconds that a look waits for another process
LONGEST = 3.0  # seconds that anybody waits for a look; SQLite may try for longer than it is told
NO_ANSWER = f"the database does not answer within {LONGEST:g} seconds"
NO_DOMAIN = (
    "there is no domain, in the settings file or in the directory: unknown recipients are answered "
    "451 until `mailhost domain add` adds one, or the directory is restored from a copy"
)

News = DirectoryView | None


@implementer(IDirectory)
class LiveDirectory:
    """`database_path` None: the settings file's domains are all there is.

    Call `start` before anybody asks, `stop` at the end. `in_thread` is for tests; it defaults to
    the reactor's threads.
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
        self._file_view = file_view
        self._database_view = DirectoryView()
        self._watched = _Watched(database_path) if database_path else None
        self._events = events
        self._in_thread = in_thread or threads_of(reactor)
        self._clashes: tuple[str, ...] = ()
        self._outage = False
        self._looking = False
        self._overdue = False
        self._clock = IReactorTime(reactor)
        self._waiting: list[Deferred[DirectoryView]] = []
        self._periodic = LoopingCall(self._tick)
        self._periodic.clock = self._clock
        self._log = Logger("mailhost.directory")

    def start(self) -> None:
        """Read all, and look for changes from now on.

        Blocks for the first reading. Raises DirectoryUnavailable, also where there is no database:
        a host that does not know its domains must not start, as it would treat them as foreign.
        """
        if self._watched is None or self._periodic.running:
            return
        try:
            self._found(self._watched.news())
        except DirectoryError as error:
            raise DirectoryUnavailable(str(error)) from error
        self._periodic.start(PERIOD, now=False)

    def stop(self) -> None:
        """Look no more."""
        if self._periodic.running:
            self._periodic.stop()

    def refresh(self) -> Deferred[DirectoryView]:
        """Look for changes and give the newest view.

        All who ask while a look is under way share the next one: that look may have begun before
        the change they ask about.
        """
        answer: Deferred[DirectoryView] = Deferred()
        if self._watched is None:
            self._answer(answer)
            return answer
        if self._overdue:
            answer.errback(DirectoryUnavailable(NO_ANSWER))
            return answer
        self._waiting.append(answer)
        if not self._looking:
            self._look(self._watched)
        return answer

    def reconfigure(self, view: DirectoryView) -> None:
        """Use other domains of the settings file from now on."""
        self._file_view = view
        self._unite()

    def _look(self, watched: _Watched) -> None:
        self._looking = True
        asked, self._waiting = self._waiting, []
        timer = self._clock.callLater(LONGEST, self._give_up, asked)
        self._in_thread(watched.news).addBoth(self._looked, watched, asked, timer)

    def _give_up(self, asked: list[Deferred[DirectoryView]]) -> None:
        """A look takes too long: nobody waits for it, until it has ended."""
        self._overdue = True
        late = [*asked, *self._waiting]
        asked.clear()
        self._waiting.clear()
        failure = Failure(DirectoryUnavailable(NO_ANSWER))
        self._failed(failure)
        for answer in late:
            answer.errback(failure)

    def _looked(
        self,
        news: News | Failure,
        watched: _Watched,
        asked: list[Deferred[DirectoryView]],
        timer: IDelayedCall,
    ) -> None:
        if timer.active():
            timer.cancel()
        self._looking = self._overdue = False
        if isinstance(news, Failure):
            self._failed(news)
        else:
            self._found(news)
        for answer in asked:
            if isinstance(news, Failure):
                answer.errback(DirectoryUnavailable(news.getErrorMessage()))
            else:
                self._answer(answer)
        if self._waiting and not self._looking:
            self._look(watched)

    def _answer(self, asked: Deferred[DirectoryView]) -> None:
        if self.view.domains:
            asked.callback(self.view)
        else:
            asked.errback(DirectoryUnavailable(NO_DOMAIN))

    def _found(self, news: News) -> None:
        if news is not None:
            self._take(news)
        if self._outage:
            self._outage = False
            self._events.emit(Notice("directory: it can be read again"))

    def _failed(self, failure: Failure) -> None:
        if not failure.check(DirectoryError, DirectoryUnavailable):
            self._log.failure("A look into the directory failed", failure)
        if not self._outage:
            self._outage = True
            self._events.emit(Faulted("directory", failure.getErrorMessage()))

    def _take(self, view: DirectoryView) -> None:
        self._database_view = view
        self._unite()

    def _unite(self) -> None:
        union = unite(self._file_view, self._database_view)
        if self.view.domains and not union.view.domains:
            self._events.emit(Faulted("directory", NO_DOMAIN))
        self.view = union.view
        for text in union.clashes:
            if text not in self._clashes:
                self._events.emit(Faulted("directory", text))
        self._clashes = union.clashes

    async def _tick(self) -> None:
        try:
            await self.refresh()
        except DirectoryUnavailable:
            return  # told already


class _Watched:
    """The database and what was last seen of it. Used in one thread at a time; blocks."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._database: DirectoryDatabase | None = None
        self._stamp: Stamp | None = None
        self._had_domains = False

    def news(self) -> News:
        """Return what is there, None where nothing has changed since the last time.

        Raises DirectoryError, also where another database without any domain has taken the place
        of the former one: it was put there by mistake.
        """
        database = self._open()
        stamp = database.version()
        if stamp == self._stamp:
            return None
        view = database.view()
        if self._stamp is None and self._had_domains and not view.domains:
            raise DirectoryBroken(f"{self._path} was replaced by one without any domain")
        self._stamp = stamp  # from before the reading: a change in between is seen next time
        self._had_domains = bool(view.domains)
        return view

    def _open(self) -> DirectoryDatabase:
        if self._database is not None and self._database.replaced():
            self._database.close()
            self._database = self._stamp = None
        if self._database is None:
            self._database = DirectoryDatabase(self._path, PATIENCE)
        return self._database

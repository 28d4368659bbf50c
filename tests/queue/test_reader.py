"""Reading the queue's folder while it cannot be read, and what other processes announce."""

from __future__ import annotations

import errno
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.events import Faulted, Parked
from mailhost.queue.reader import READ_AGAIN_AFTER, FolderReader
from mailhost.queue.spool import FoundEntry, ReadingResult, Spool, UnreadableEntry
from tests.queue.fakes import Events

FULL = OSError(errno.EIO, "Input/output error")


class FakeSpool:
    """A folder with ids. `fault` makes reading it fail; `findings` are what files hold."""

    def __init__(self) -> None:
        self.fault: OSError | None = None
        self.findings: dict[str, ReadingResult] = {}
        self.looked: list[str] = []
        self.waiting: Deferred[None] | None = None

    def scan(self, found: Callable[[Sequence[ReadingResult]], None]) -> Awaitable[None]:
        if self.fault is not None:
            return fail(self.fault)
        found(list(self.findings.values()))
        return succeed(None)

    def ids(self) -> Awaitable[Sequence[str]]:
        return succeed(sorted(self.findings)) if self.fault is None else fail(self.fault)

    async def read(self, id: str) -> ReadingResult | None:
        self.looked.append(id)
        if self.waiting is not None:
            await self.waiting
        return self.findings.get(id)


class ReaderTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.spool, self.events = Clock(), FakeSpool(), Events()
        self.found: list[FoundEntry] = []
        self.known: set[str] = set()
        self.reader = FolderReader(
            self.clock,
            cast(Spool, self.spool),
            self.events,
            self.known.__contains__,
            self.found.extend,
            self.run_work,
        )

    def run_work(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        return Deferred.fromCoroutine(work)

    def whole(self, *ids: str) -> None:
        """Files that can be read."""
        for id in ids:
            self.spool.findings[id] = FoundEntry(cast(Any, id), cast(Any, None), False)

    def ids(self) -> list[str]:
        return [cast(str, found.entry) for found in self.found]

    def test_a_folder_that_cannot_be_read_at_start_is_read_later(self) -> None:
        self.whole("a")
        self.spool.fault = FULL
        loading = self.run_work(self.reader.load())
        self.assertNoResult(loading)
        self.assertIn("the folder cannot be read now", self.events.of(Faulted)[0].line)
        self.spool.fault = None
        self.clock.advance(READ_AGAIN_AFTER)
        self.successResultOf(loading)
        self.assertEqual(["a"], self.ids())

    def test_loading_ends_with_the_queue(self) -> None:
        self.spool.fault = FULL
        loading = self.run_work(self.reader.load())
        self.reader.stop()
        self.clock.advance(READ_AGAIN_AFTER)
        self.successResultOf(loading)
        self.assertEqual([], self.found)

    def test_looking_around_waits_for_the_folder(self) -> None:
        self.whole("a", "b")
        self.known.add("b")
        self.spool.fault = FULL
        looking = self.run_work(self.reader.read_new())
        self.assertNoResult(looking)
        self.spool.fault = None
        self.clock.advance(READ_AGAIN_AFTER)
        self.successResultOf(looking)
        self.assertEqual(["a"], self.ids())

    def test_one_that_is_announced_while_it_is_read_is_taken_once(self) -> None:
        self.whole("a")
        self.spool.waiting = Deferred()
        looking = self.run_work(self.reader.read("a"))
        self.successResultOf(self.run_work(self.reader.read("a")))
        self.reader.announced("a")
        self.spool.waiting.callback(None)
        self.successResultOf(looking)
        self.assertEqual(([], ["a"]), (self.ids(), self.spool.looked))

    def test_one_that_is_gone_is_no_entry(self) -> None:
        self.successResultOf(self.run_work(self.reader.read("a")))
        self.assertEqual([], self.found)

    def test_a_passing_fault_is_read_again_until_it_passes(self) -> None:
        self.successResultOf(self.run_work(self.reader.load()))
        self.spool.findings["a"] = UnreadableEntry("a", "EIO", passing=True)
        self.successResultOf(self.run_work(self.reader.read("a")))
        for _ in range(2):
            self.clock.advance(READ_AGAIN_AFTER)
        self.assertEqual({"a": "EIO"}, self.reader.broken)
        self.assertEqual(1, len(self.events.of(Parked)), "logged once")
        self.whole("a")
        self.clock.advance(READ_AGAIN_AFTER)
        self.assertEqual(({}, ["a"]), (self.reader.broken, self.ids()))
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_nothing_is_read_again_once_the_queue_stops(self) -> None:
        self.successResultOf(self.run_work(self.reader.load()))
        self.spool.findings["a"] = UnreadableEntry("a", "EIO", passing=True)
        self.successResultOf(self.run_work(self.reader.read("a")))
        self.reader.stop()
        self.assertEqual([], self.clock.getDelayedCalls())

    def test_one_that_is_damaged_is_not_read_again(self) -> None:
        self.successResultOf(self.run_work(self.reader.load()))
        self.spool.findings["a"] = UnreadableEntry("a", "no JSON")
        self.successResultOf(self.run_work(self.reader.read("a")))
        self.assertEqual([], self.clock.getDelayedCalls())

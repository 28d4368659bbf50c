"""Large changes wait for each other, and nobody else waits for them."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.durable.by_size import LARGE_COMMIT, BySize
from mailhost.interfaces.changes import Change, NewFile, RemovedFile, Results
from mailhost.message.content import Content


def file(name: str, size: int) -> NewFile:
    """A new file of so many octets."""
    return NewFile(f"/{name}.tmp", f"/{name}", (Content((b"x" * size,)),))


class SlowWriter:
    """Ends what it is told to, when it is told to."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[Results]] = []
        self.connected = True
        self.stopped = False
        self.started = 0

    def start(self) -> None:
        self.started += 1

    async def stop(self) -> None:
        self.stopped = True

    def commit(self, changes: Sequence[Change], /) -> Awaitable[Results]:
        done: Deferred[Results] = Deferred()
        self.waiting.append(done)
        return done

    def end_one(self) -> None:
        """The oldest commit is safe."""
        self.waiting.pop(0).callback([None])


class TwoWriters(SynchronousTestCase):
    def setUp(self) -> None:
        self.shared, self.small, self.large = SlowWriter(), SlowWriter(), SlowWriter()
        self.shared.connected = False
        writers: list[Any] = [self.shared, self.small, self.large]
        self.both = BySize(*writers)

    def commit(self, *changes: Change) -> Deferred[Results]:
        async def wait() -> Results:
            return await self.both.commit(changes)

        return Deferred.fromCoroutine(wait())

    def test_all_are_started(self) -> None:
        self.both.start()
        self.assertEqual(
            [1, 1, 1], [each.started for each in (self.shared, self.small, self.large)]
        )

    def test_a_small_one_does_not_wait_for_a_large_one(self) -> None:
        large = self.commit(file("large", LARGE_COMMIT))
        small = self.commit(file("small", 10), RemovedFile("/gone"))
        self.small.end_one()
        self.assertEqual([None], self.successResultOf(small))
        self.assertNoResult(large)
        self.large.end_one()
        self.assertEqual([None], self.successResultOf(large))

    def test_large_ones_go_one_by_one_and_each_is_answered_when_it_is_safe(self) -> None:
        first = self.commit(file("1", LARGE_COMMIT // 2), file("2", LARGE_COMMIT // 2))
        second = self.commit(file("3", LARGE_COMMIT))
        self.assertEqual(1, len(self.large.waiting))
        self.large.end_one()
        self.successResultOf(first)
        self.assertNoResult(second)
        self.large.end_one()
        self.successResultOf(second)

    def test_a_stop_waits_for_the_large_ones_that_wait(self) -> None:
        self.commit(file("1", LARGE_COMMIT))
        self.commit(file("2", LARGE_COMMIT))
        stopped = Deferred.fromCoroutine(self.both.stop())
        for _ in range(2):
            self.assertFalse(self.large.stopped)
            self.large.end_one()
        self.successResultOf(stopped)
        self.assertTrue(self.large.stopped and self.small.stopped)

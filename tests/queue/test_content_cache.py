"""Contents of entries that came in a moment ago, kept for their first attempt."""

from __future__ import annotations

from collections.abc import Awaitable

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.content import Content
from mailhost.queue import content_cache
from mailhost.queue.entry import Entry
from tests.fakes import now
from tests.queue.fakes import BUSY, RunningQueue, envelope, message


class ContentCacheTests(SynchronousTestCase):
    """A message that just came in is not read from the disk for its first attempt."""

    def setUp(self) -> None:
        self.context = RunningQueue(self.mktemp())
        self.context.start()
        self.opened: list[str] = []
        self.context.transport.answer = lambda recipient: BUSY
        open_really = self.context.spool.open

        def opening(entry: Entry) -> Awaitable[Content]:
            self.opened.append(entry.id)
            return open_really(entry)

        self.context.spool.open = opening  # type: ignore[method-assign]

    def allow(self, attempts: int) -> None:
        """Have so many attempts run at a time."""
        settings = self.context.settings.model_copy(update={"concurrency": attempts})
        self.context.reconfigure(settings)

    def test_the_second_attempt_reads_it(self) -> None:
        self.context.accept(envelope("bob@x.example"))
        self.assertEqual([], self.opened)
        self.context.pass_time(600)
        self.assertEqual(["m1"], self.opened)
        self.assertEqual([message().read()] * 2, self.context.transport.bodies)

    def test_a_large_one_is_not_kept_in_memory(self) -> None:
        large = Content((b"x" * (content_cache.LARGEST_CONTENT + 1),))
        self.context.accept(envelope("bob@x.example"), content=large)
        self.assertEqual(["m1"], self.opened)

    def test_nor_are_more_than_some(self) -> None:
        self.allow(0)
        self.patch(content_cache, "CACHE_SIZE", 2 * message().size)
        for number in range(4):
            self.context.accept(envelope("bob@x.example"), f"m{number}")
        self.allow(4)
        self.assertEqual(["m2", "m3"], self.opened)

    def test_what_was_removed_makes_room(self) -> None:
        self.allow(0)
        self.patch(content_cache, "CACHE_SIZE", message().size)
        self.context.accept(envelope("bob@x.example"), "m0")
        now(self.context.runner.remove("m0"))
        self.context.accept(envelope("bob@x.example"), "m1")
        self.allow(4)
        self.assertEqual([], self.opened)

    def test_what_is_held_is_read_when_it_is_released(self) -> None:
        now(self.context.runner.accept(envelope("bob@x.example"), message(), "m0", held="odd"))
        now(self.context.runner.release("m0"))
        self.assertEqual(["m0"], self.opened)

"""Attempts that are due: grouped once, begun within the shares of their destinations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.internet.defer import Deferred, fail

from mailhost.config.model import Queue
from mailhost.config.section import MINUTE
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.events import Parked
from mailhost.interfaces.queue import Carried, Lanes
from mailhost.message.content import Content
from mailhost.message.envelope import ForwardPath
from mailhost.message.status import Status
from mailhost.queue.entry import Entry
from tests.queue.fakes import BUSY, GOOD, envelope
from tests.queue.test_runner import BOB, RunnerCase


class Grouping(RunnerCase):
    """Recipients are grouped into lanes before an entry waits for its turn."""

    def test_once_for_an_attempt(self) -> None:
        self.context.accept(envelope(BOB))
        self.assertEqual((self.context.transport.grouped, self.context.files()), (1, []))

    def test_again_where_it_does_not_stand_any_longer(self) -> None:
        self.context.transport.moved = True
        self.context.accept(envelope(BOB))
        self.assertEqual((self.context.transport.grouped, self.context.files()), (2, []))

    def test_of_many_recipients_takes_several_turns_of_the_reactor(self) -> None:
        grouping: Deferred[Lanes] = Deferred()
        found: list[Lanes] = []

        def group(lanes: Lanes) -> Deferred[Lanes]:
            found.append(lanes)
            return grouping

        self.context.transport.grouping = group
        self.context.accept(envelope(BOB))
        self.assertEqual(self.context.transport.calls, [])
        grouping.callback(found[0])
        self.assertEqual(self.context.files(), [])

    def test_an_entry_removed_meanwhile_is_not_tried(self) -> None:
        grouping: Deferred[Lanes] = Deferred()
        self.context.transport.grouping = lambda lanes: grouping
        self.context.accept(envelope(BOB))
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.remove("m1")))
        grouping.callback(Lanes((), "x"))
        self.assertEqual((self.context.transport.calls, self.context.files()), ([], []))

    def test_a_bug_parks_the_entry(self) -> None:
        def fail_now(lanes: Lanes) -> Lanes:
            raise ZeroDivisionError("what a bug")

        def fail_later(lanes: Lanes) -> Deferred[Lanes]:
            return fail(ZeroDivisionError("what a bug"))

        groupings: list[Callable[[Lanes], Answer[Lanes]]] = [fail_now, fail_later]
        for number, grouping in enumerate(groupings):
            self.context.transport.grouping = grouping
            self.context.accept(envelope(BOB), f"m{number}")
            view = self.context.runner.view(f"m{number}")
            assert view is not None
            self.assertEqual(view.word, "parked")
        self.context.transport.grouping = None
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.release("m0")))
        self.assertEqual(self.context.transport.tried, [BOB])

    def test_stopping_meanwhile_parks_nothing(self) -> None:
        self.context.transport.grouping = lambda lanes: Deferred()
        self.context.accept(envelope(BOB))
        stopped = Deferred.fromCoroutine(self.context.runner.stop(30.0))
        self.context.clock.advance(31.0)
        self.successResultOf(stopped)
        self.assertEqual(self.context.files(), ["m1.msg"])
        self.assertEqual(self.context.events.of(Parked), [])


class Asking(RunnerCase):
    """Operators' commands while an entry is between its states."""

    def test_one_held_while_it_waits_for_its_place_is_not_tried(self) -> None:
        self.context.reconfigure(Queue().model_copy(update={"concurrency": 0}))
        self.context.accept(envelope(BOB))
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.hold("m1")))
        self.context.reconfigure(Queue())
        self.assertEqual([], self.context.transport.calls)
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.release("m1")))
        self.assertEqual([BOB], self.context.transport.tried)

    def test_entries_that_are_gone_have_no_commands(self) -> None:
        runner = self.context.runner
        runner.retry("gone")
        for command in (runner.hold("gone"), runner.release("gone"), runner.remove("gone")):
            self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(command)))

    def test_a_file_that_cannot_be_opened_because_of_a_bug_parks_the_entry(self) -> None:
        def crash(entry: Entry) -> Awaitable[Content]:
            raise ZeroDivisionError("what a bug")

        self.context.transport.answer = lambda recipient: BUSY
        self.context.accept(envelope(BOB))
        self.patch(self.context.spool, "open", crash)
        self.context.pass_time(600.0)
        self.assertEqual(1, len(self.context.events.of(Parked)))

    def test_an_outcome_that_is_missing_parks_the_entry(self) -> None:
        async def carry(*arguments: object) -> Carried:
            return Carried([])

        self.patch(self.context.transport, "carry", carry)
        self.context.accept(envelope(BOB))
        self.assertIn("no outcome for bob@", self.context.events.of(Parked)[0].reason)


class Sharing(RunnerCase):
    """Concurrency and fairness."""

    def test_bounded(self) -> None:
        self.context = self.start(Queue(concurrency=8))
        self.context.transport.answer = lambda recipient: None
        for number in range(30):
            self.context.accept(envelope(f"bob@d{number}.example"), f"m{number}")
        self.assertEqual(self.context.transport.most, 8)
        for _ in range(30):
            self.context.transport.held.pop(0).callback(None)
        self.assertEqual(len(self.context.transport.calls), 30)
        self.assertLessEqual(self.context.transport.most, 8)

    def test_a_dead_destination_starves_nobody(self) -> None:
        def answer(recipient: ForwardPath) -> Status | None:
            return None if recipient.address.domain == "dead.example" else GOOD

        self.context.transport.answer = answer
        for number in range(2000):
            self.context.accept(envelope(f"u{number}@dead.example"), f"d{number:05}")
        self.assertLess(len(self.context.transport.calls), 20)
        self.context.accept(envelope("eve@alive.example"), "alive")
        self.assertIn("eve@alive.example", self.context.transport.tried)
        both = envelope("x@dead.example", "y@other.example")
        self.context.accept(both, "both")  # not behind the two thousand either
        self.assertIn("x@dead.example", self.context.transport.tried)

    def test_retries_of_a_dead_destination_leave_room(self) -> None:
        self.context.transport.answer = lambda recipient: BUSY
        self.context.transport.by = ""
        for number in range(200):
            self.context.accept(envelope(f"u{number}@dead.example"), f"d{number:05}")
        self.context.transport.answer = lambda recipient: None
        self.context.pass_time(6 * MINUTE)
        self.context.transport.answer = lambda recipient: GOOD
        self.context.accept(envelope("eve@alive.example"), "alive")
        self.assertEqual(self.context.transport.tried[-1], "eve@alive.example")
        self.assertLess(self.context.transport.most, 20)

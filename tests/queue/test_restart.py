"""The queue over jumps of the clock, restarts and stops."""

from __future__ import annotations

import contextlib
import os

from twisted.internet.defer import CancelledError, Deferred

from mailhost.config.section import DAY, HOUR, MINUTE
from mailhost.interfaces.events import Parked
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Outcome
from tests.queue.fakes import BUSY, GOOD, START, RunningQueue, envelope
from tests.queue.test_runner import BOB, RunnerCase


class Jumping(RunnerCase):
    """The wall clock jumps."""

    def setUp(self) -> None:
        super().setUp()
        self.context.transport.answer = lambda recipient: BUSY
        self.context.accept(envelope(BOB))

    def test_forwards_while_running(self) -> None:
        self.context.pass_time(4 * MINUTE)
        self.context.offset += 400 * DAY
        self.context.pass_time(30.0)
        self.assertEqual(len(self.context.transport.calls), 1)
        self.context.pass_time(HOUR)
        self.assertEqual(len(self.context.transport.calls), 4)
        self.assertEqual(self.context.handover.taken, [])  # neither late nor expired

    def test_backwards_while_running(self) -> None:
        self.context.offset -= 400 * DAY
        self.context.pass_time(HOUR)
        self.assertEqual(len(self.context.transport.calls), 4)

    def test_backwards_before_a_restart(self) -> None:
        again = self.start(wall=START - 400 * DAY)
        again.pass_time(6 * MINUTE)
        self.assertEqual(again.transport.tried, [BOB])

    def test_forwards_before_a_restart(self) -> None:
        again = self.start(wall=START + 400 * DAY)
        again.transport.answer = lambda recipient: BUSY
        again.pass_time(10 * MINUTE)
        self.assertGreaterEqual(len(again.transport.calls), 1)
        self.assertEqual(len(again.runner.views()), 1)  # not expired
        again.transport.answer = lambda recipient: GOOD
        again.pass_time(HOUR)
        self.assertEqual(again.files(), [])

    def test_forwards_before_a_restart_is_no_stampede(self) -> None:
        for number in range(50):
            self.context.accept(envelope(f"u{number}@d{number}.example"), f"n{number}")
        again = RunningQueue(self.folder, wall=START + 400 * DAY)
        chances = iter(number / 51 for number in range(10_000))
        object.__setattr__(again.runner._backoff, "chance", lambda: next(chances) % 1.0)
        again.start()
        self.assertLess(len(again.transport.calls), 5)
        again.pass_time(6 * MINUTE)
        self.assertEqual(len(again.transport.calls), 51)

    def test_timers_misled_by_a_jump_are_made_up_for(self) -> None:
        timers = [
            call.getTime() - self.context.clock.seconds() for call in self.context.clock.calls
        ]
        self.assertLessEqual(max(timers), 60.0)


class Restarting(RunnerCase):
    """Waiting mail is sent by the next process."""

    def test_goes_on_where_it_was(self) -> None:
        self.answers(good=GOOD, busy=BUSY)
        self.context.accept(envelope("good@x.example", "busy@x.example"))
        self.context.pass_time(6 * MINUTE)
        again = self.start(wall=self.context.wall())
        again.pass_time(8 * MINUTE)
        self.assertEqual(again.transport.calls, [])
        again.pass_time(2 * MINUTE)
        self.assertEqual(again.transport.calls, [("m1", ("busy@x.example",), 2)])

    def test_mail_taken_before_start_is_tried_after(self) -> None:
        context = RunningQueue(os.path.join(self.mktemp(), "queue"))
        self.assertTrue(context.accept(envelope(BOB)).ok)
        self.assertEqual(context.transport.calls, [])
        context.runner.retry("m1")
        removing = context.runner.remove("m1", bounce=True)
        error = self.successResultOf(Deferred.fromCoroutine(removing))
        self.assertIn("has not been started", str(error))
        self.assertRaises(ValueError, context.reconfigure, context.settings)
        context.start()
        self.assertEqual(context.transport.tried, [BOB])


class Stopping(RunnerCase):
    """stop() waits for what runs, and no longer than it may."""

    def setUp(self) -> None:
        super().setUp()
        self.context.transport.answer = lambda recipient: None
        self.context.accept(envelope(BOB))

    def test_waits_for_what_runs(self) -> None:
        stopped = Deferred.fromCoroutine(self.context.runner.stop(30.0))
        self.context.clock.advance(10.0)
        self.assertNoResult(stopped)
        self.context.transport.held[0].callback(None)
        self.successResultOf(stopped)
        self.assertEqual(self.context.files(), ["m1.msg", "m1.state"])
        self.assertEqual(self.context.clock.getDelayedCalls(), [])

    def test_bounded(self) -> None:
        stopped = Deferred.fromCoroutine(self.context.runner.stop(30.0))
        self.context.clock.advance(31.0)
        self.successResultOf(stopped)
        self.assertEqual(self.context.files(), ["m1.msg"])
        self.assertEqual(self.context.events.of(Parked), [])
        self.assertEqual(self.start().transport.tried, [BOB])

    def test_bounded_even_where_breaking_off_does_not_work(self) -> None:
        async def deaf(recipient: ForwardPath) -> Outcome:
            while True:
                with contextlib.suppress(CancelledError):
                    await Deferred()

        self.context.transport._outcome = deaf  # type: ignore[method-assign]
        self.context.accept(envelope("deaf@x.example"), "m2")
        stopped = Deferred.fromCoroutine(self.context.runner.stop(30.0))
        self.context.clock.advance(30.0)
        self.context.clock.advance(3.0)
        self.successResultOf(stopped)

    def test_begins_nothing_new(self) -> None:
        self.successResultOf(self._stopped())
        calls = len(self.context.transport.calls)
        self.assertTrue(self.context.accept(envelope("eve@x.example"), "m2").ok)
        self.context.pass_time(HOUR)
        self.assertEqual(len(self.context.transport.calls), calls)
        self.assertIn("m2.msg", self.context.files())

    def _stopped(self) -> Deferred[None]:
        stopped = Deferred.fromCoroutine(self.context.runner.stop(0.0))
        self.context.clock.advance(0.0)
        return stopped

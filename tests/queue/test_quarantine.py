"""Entries that filters want an operator to look at: kept, shown with the reason, released."""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.section import DAY
from mailhost.interfaces.events import Reported
from tests.queue.fakes import RunningQueue, envelope, message

BOB = "bob@there.example"
WHY = "attachment setup.exe [no-programs]"


class Quarantine(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.join(self.mktemp(), "queue")
        self.context = self.start()
        accepting = self.context.runner.accept(envelope(BOB), message(), "m1", held=WHY)
        self.assertTrue(self.successResultOf(Deferred.fromCoroutine(accepting)).ok)

    def start(self) -> RunningQueue:
        context = RunningQueue(self.folder)
        context.start()
        return context

    def release(self, context: RunningQueue) -> None:
        self.successResultOf(Deferred.fromCoroutine(context.runner.release("m1")))

    def test_it_is_kept_without_a_word_to_anybody(self) -> None:
        self.context.pass_time(30 * DAY)
        self.assertEqual(self.context.transport.calls, [])
        self.assertEqual(self.context.events.of(Reported), [])
        (view,) = self.context.runner.views()
        self.assertEqual((view.word, view.state.quarantine), ("quarantined", WHY))
        self.assertIn(f"quarantined, see `mailhost queue list`, for <{BOB}>: {WHY}", self.line)

    @property
    def line(self) -> str:
        return self.context.events.told[0].line

    def test_released_it_goes_its_way(self) -> None:
        self.context.pass_time(30 * DAY)
        self.release(self.context)
        self.assertEqual(self.context.transport.tried, [BOB])
        self.assertEqual(self.context.files(), [])

    def test_another_process_finds_it_as_it_was(self) -> None:
        later = self.start()
        (view,) = later.runner.views()
        self.assertEqual(view.state.quarantine, WHY)
        self.release(later)
        self.assertEqual(later.transport.tried, [BOB])

"""One attempt that goes wrong on our side: no file, no bounce, a report that cannot be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Queue
from mailhost.config.section import HOUR
from mailhost.interfaces.events import Faulted
from mailhost.queue.attempt import _span
from tests.queue.fakes import BUSY, START, UNKNOWN, RunningQueue, envelope

BOB = "bob@there.example"


class AttemptCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = os.path.join(self.mktemp(), "queue")
        self.context = RunningQueue(self.folder, Queue(expire_after=HOUR), wall=START)
        self.context.start()
        self.context.transport.answer = lambda recipient: BUSY

    def faults(self) -> list[str]:
        """The log lines of the queue."""
        return [event.line for event in self.context.events.of(Faulted)]

    def only_id(self) -> str:
        """The id of the only entry."""
        (view,) = self.context.runner.views()
        return view.entry.id

    def remove_with_bounce(self) -> OSError | None:
        """The operator's command; returns what it answers."""
        removing = self.context.runner.remove(self.only_id(), bounce=True)
        return self.successResultOf(Deferred.fromCoroutine(removing))


class Reading(AttemptCase):
    """The message's file before an attempt."""

    def retry_with(self, error: OSError) -> None:
        """Make the next attempt with a file that cannot be opened."""

        def open_entry(entry: object) -> Awaitable[Any]:
            return fail(error)

        self.context.accept(envelope(BOB))
        self.patch(self.context.spool, "open", open_entry)
        self.context.pass_time(HOUR / 2)

    def test_one_that_cannot_be_read_now_is_tried_again(self) -> None:
        self.retry_with(OSError(errno.EIO, "Input/output error"))
        self.assertIn("cannot be read now, tried again later", self.faults()[-1])
        self.assertEqual(1, len(self.context.transport.calls))
        self.assertEqual(1, len(self.context.runner.views()))

    def test_one_that_is_gone_is_forgotten(self) -> None:
        self.retry_with(FileNotFoundError(errno.ENOENT, "No such file"))
        self.assertIn("it is forgotten", self.faults()[-1])
        self.assertEqual([], self.context.runner.views())


class Reporting(AttemptCase):
    """Reports to the sender."""

    def break_reports(self) -> None:
        """Reports cannot be written."""

        def compose(*arguments: object) -> Awaitable[Any]:
            return fail(OSError(errno.ENOSPC, "No space left on device"))

        self.patch(self.context.reports, "compose_about", compose)

    def test_a_report_that_cannot_be_written_is_owed(self) -> None:
        self.break_reports()
        self.context.transport.answer = lambda recipient: UNKNOWN
        self.context.accept(envelope(BOB))
        self.assertIn("no report can be sent to its sender now", self.faults()[-1])
        self.assertEqual(1, len(self.context.runner.views()))
        self.assertEqual([], self.context.handover.taken)

    def test_a_removal_with_a_bounce_that_cannot_be_written(self) -> None:
        self.context.accept(envelope(BOB))
        self.break_reports()
        self.assertIn("the bounce could not be sent", str(self.remove_with_bounce()))
        self.assertEqual(1, len(self.context.runner.views()))

    def test_a_removal_with_a_bounce(self) -> None:
        self.context.accept(envelope(BOB))
        self.assertIsNone(self.remove_with_bounce())
        self.assertEqual([], self.context.runner.views())
        (_, report), *others = self.context.handover.taken
        self.assertEqual([], others)
        self.assertIn(b"Action: failed\r\n", report)


class Spans(SynchronousTestCase):
    def test_units(self) -> None:
        for seconds, text in (
            (0, "0 seconds"),
            (119, "119 seconds"),
            (120, "2 minutes"),
            (7200, "2 hours"),
            (3 * 86400, "3 days"),
        ):
            self.assertEqual(text, _span(seconds))

"""The queue at work on a Clock: retries, partial success, reports, parking, a full disk."""

from __future__ import annotations

import errno
import itertools
import os

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from mailhost.config.model import Queue
from mailhost.config.section import DAY, HOUR, MINUTE
from mailhost.interfaces.changes import Change, NewFile, RemovedFile
from mailhost.interfaces.events import Attempted, Faulted, Parked, Queued, Reported
from mailhost.interfaces.queue import IQueue, IReports
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.queue.entry import Progress
from tests.message.reports import status_fields
from tests.queue.fakes import BUSY, GOOD, START, UNKNOWN, RunningQueue, envelope, message

BOB = "bob@there.example"


class RunnerCase(SynchronousTestCase):
    """One running queue."""

    def setUp(self) -> None:
        self.folder = os.path.join(self.mktemp(), "queue")
        self.context = self.start()

    def start(self, settings: Queue | None = None, wall: float = START) -> RunningQueue:
        """Another process on the same folder."""
        context = RunningQueue(self.folder, settings, wall=wall)
        context.start()
        return context

    def answers(self, **by_name: Status | None) -> None:
        """The replies of the next hop to each local part."""
        self.context.transport.answer = lambda recipient: by_name[recipient.address.local]


class Attempting(RunnerCase):
    """The effects of one attempt."""

    def test_provides(self) -> None:
        verifyObject(IQueue, self.context.runner)
        verifyObject(IReports, self.context.reports)

    def test_new_mail_goes_at_once(self) -> None:
        status = self.context.accept(envelope(BOB))
        self.assertEqual((status.code, status.enhanced), (250, "2.0.0"))
        self.assertEqual(self.context.transport.calls, [("m1", (BOB,), 0)])
        self.assertEqual(self.context.transport.bodies, [message().read()])
        self.assertEqual(self.context.files(), [])
        self.assertEqual(self.context.runner.views(), [])
        self.assertEqual(len(self.context.events.of(Queued)), 1)

    def test_a_deferral_is_tried_again_with_back_off(self) -> None:
        self.context.transport.answer = lambda recipient: BUSY
        self.context.accept(envelope(BOB))
        times = [0.0]
        while len(times) < 7:
            before = len(self.context.transport.calls)
            self.context.pass_time(30.0)
            if len(self.context.transport.calls) > before:
                times.append(self.context.clock.seconds())
        waits = [(b - a) / MINUTE for a, b in itertools.pairwise(times)]
        self.assertEqual(waits, [5, 10, 20, 40, 80, 160])
        self.assertEqual([call[2] for call in self.context.transport.calls], list(range(7)))

    def test_each_recipient_alone(self) -> None:
        self.answers(good=GOOD, gone=UNKNOWN, busy=BUSY)
        names = ("good@x.example", "gone@x.example", "busy@x.example")
        self.context.accept(envelope(*names))
        self.context.pass_time(6 * MINUTE)
        self.answers(busy=GOOD)
        self.context.pass_time(20 * MINUTE)
        tried = [addresses for _, addresses, _ in self.context.transport.calls]
        self.assertEqual(tried, [names, names[2:], names[2:]])
        self.assertEqual(self.context.files(), [])

    def test_a_failure_bounces_once(self) -> None:
        self.answers(gone=UNKNOWN, busy=BUSY)
        self.context.accept(envelope("gone@x.example", "busy@x.example"))
        self.context.pass_time(2 * HOUR)
        (bounce,) = self.context.handover.taken
        self.assertIsNone(bounce[0].reverse_path)
        self.assertEqual(str(bounce[0].recipients[0].address), "ann@here.example")
        self.assertIn(b"gone@x.example", bounce[1])
        self.assertNotIn(b"busy@x.example", bounce[1])
        self.assertEqual([event.kind for event in self.context.events.of(Reported)], ["bounce"])

    def test_failures_of_one_attempt_share_a_report(self) -> None:
        self.context.transport.answer = lambda recipient: UNKNOWN
        self.context.accept(envelope("a@x.example", "b@x.example", "c@y.example"))
        self.assertEqual(len(self.context.handover.taken), 1)

    def test_null_reverse_path_is_never_told(self) -> None:
        self.context.transport.answer = lambda recipient: UNKNOWN
        self.context.accept(envelope(BOB, sender=None))
        self.assertEqual(self.context.handover.taken, [])
        self.assertEqual(self.context.files(), [])

    def test_deferrals_known_already(self) -> None:
        wanted = envelope(BOB)
        known = Outcome(wanted.recipients[0], Fate.DEFERRED, BUSY)
        self.context.accept(wanted, outcomes=[known])
        self.assertEqual(self.context.transport.calls, [])
        self.assertEqual(self.context.runner.views()[0].state.recipients[0].outcome, known)
        self.context.pass_time(5 * MINUTE)
        self.assertEqual(self.context.transport.calls, [("m1", (BOB,), 1)])

    def test_known_for_some_only(self) -> None:
        wanted = envelope(BOB, "eve@there.example")
        self.context.accept(wanted, outcomes=[Outcome(wanted.recipients[0], Fate.DEFERRED, BUSY)])
        self.assertEqual(len(self.context.transport.calls), 1)

    def test_two_entries_of_one_identity(self) -> None:
        self.context.transport.answer = lambda recipient: BUSY
        self.context.accept(envelope("a@x.example"))
        self.context.accept(envelope("b@x.example"))
        self.assertEqual(len(self.context.runner.views()), 2)
        self.assertEqual([call[0] for call in self.context.transport.calls], ["m1", "m1"])

    def test_utf8_everywhere(self) -> None:
        self.answers(jürgen=Status(451, "4.3.0", "später", "größer"))
        self.context.accept(envelope("jürgen@bücher.example"))
        again = self.start()
        again.pass_time(6 * MINUTE)
        self.assertEqual(again.transport.tried, ["jürgen@xn--bcher-kva.example"])


class Late(RunnerCase):
    """Warnings and expiry."""

    def setUp(self) -> None:
        super().setUp()
        self.context.transport.answer = lambda recipient: BUSY

    def test_one_warning(self) -> None:
        self.context.accept(envelope(BOB))
        self.context.pass_time(3.9 * HOUR, 60.0)
        self.assertEqual(self.context.handover.taken, [])
        self.context.pass_time(3 * DAY, 300.0)
        (warning,) = self.context.handover.taken
        self.assertIn(b"Action: delayed", warning[1])
        self.assertIn(b"Will-Retry-Until: Sun, 19 Nov 2023", warning[1])

    def test_one_warning_across_a_restart(self) -> None:
        self.context.accept(envelope(BOB))
        self.context.pass_time(6 * HOUR, 60.0)
        self.assertEqual(len(self.context.handover.taken), 1)
        again = self.start(wall=self.context.wall())
        again.transport.answer = lambda recipient: BUSY
        again.pass_time(DAY, 300.0)
        self.assertEqual(again.handover.taken, [])

    def test_expiry(self) -> None:
        self.context.accept(envelope(BOB))
        self.context.pass_time(4.9 * DAY, 300.0)
        self.assertEqual(len(self.context.files()), 2)
        self.context.pass_time(0.4 * DAY, 300.0)
        self.assertEqual(self.context.files(), [])
        _, (fields,) = status_fields(self.context.handover.taken[-1][1])
        self.assertEqual(fields["Action"], "failed")
        self.assertEqual(fields["Status"], "4.4.7")
        self.assertEqual(fields["Remote-MTA"], "dns; mx.there.example")
        self.assertIn("Busy, come back later", fields["Diagnostic-Code"])
        failed = [event.outcome for event in self.context.events.of(Attempted)]
        self.assertEqual([outcome.fate for outcome in failed], [Fate.FAILED])

    def test_expiry_names_the_rule_besides_the_last_reply(self) -> None:
        refused = Status(451, "4.7.5", "TLS is required by a policy", answer=BUSY)
        self.context.transport.answer = lambda recipient: refused
        self.context.accept(envelope(BOB))
        self.context.pass_time(6 * DAY, 300.0)
        text = " ".join(self.context.handover.taken[-1][1].decode().split())
        self.assertIn(f"the last answer was: {BUSY}; 451 4.7.5 TLS is required by a policy", text)

    def test_expiry_of_a_bounce_is_silent(self) -> None:
        self.context.accept(envelope(BOB, sender=None))
        self.context.pass_time(6 * DAY, 300.0)
        self.assertEqual((self.context.files(), self.context.handover.taken), ([], []))

    def test_settings_can_change(self) -> None:
        self.context.accept(envelope(BOB))
        self.context.reconfigure(Queue(expire_after=60.0))
        self.context.pass_time(6 * MINUTE)
        self.assertEqual(self.context.files(), [])


class Reporting(RunnerCase):
    """A report that cannot be handed over now is owed, not lost."""

    def test_a_refused_bounce_is_tried_again(self) -> None:
        self.context.transport.answer = lambda recipient: UNKNOWN
        self.context.handover.status = BUSY
        self.context.accept(envelope(BOB))
        (view,) = self.context.runner.views()
        self.assertEqual(view.state.recipients[0].progress, Progress.OWED)
        self.context.handover.status = GOOD
        self.context.pass_time(6 * MINUTE)
        self.assertEqual(len(self.context.handover.taken), 1)
        self.assertEqual(self.context.transport.tried, [BOB])
        self.assertEqual(self.context.files(), [])

    def test_owed_across_a_restart(self) -> None:
        self.context.transport.answer = lambda recipient: UNKNOWN
        self.context.handover.status = BUSY
        self.context.accept(envelope(BOB))
        again = self.start()
        again.pass_time(6 * MINUTE)
        self.assertEqual(len(again.handover.taken), 1)
        self.assertEqual(again.transport.calls, [])
        self.assertEqual(again.files(), [])

    def test_a_bounce_that_nobody_takes_is_dropped_and_told(self) -> None:
        self.context.transport.answer = lambda recipient: UNKNOWN
        self.context.handover.status = UNKNOWN
        self.context.accept(envelope(BOB))
        self.assertEqual(self.context.files(), [])
        (fault,) = self.context.events.of(Faulted)
        self.assertIn("the bounce to <ann@here.example> was refused: 550", fault.line)

    def test_nobody_is_owed_for_ever(self) -> None:
        self.context.transport.answer = lambda recipient: UNKNOWN
        self.context.handover.status = BUSY
        self.context.accept(envelope(BOB))
        self.context.pass_time(6 * DAY, 300.0)
        self.assertEqual(self.context.files(), [])

    def test_the_bounce_comes_before_the_recipient_is_settled(self) -> None:
        self.answers(gone=UNKNOWN, busy=BUSY)
        handed: list[int] = []

        def fail(change: Change) -> OSError | None:
            handed.append(len(self.context.handover.taken))
            return None

        self.context.disk.fail = fail
        self.context.accept(envelope("gone@x.example", "busy@x.example"))
        self.assertEqual(handed, [0, 1])  # the message; its state once the bounce is safe


class Parking(RunnerCase):
    """A bug in our own code."""

    def crash(self, recipient: ForwardPath) -> Status | None:
        """A transport with a bug."""
        if recipient.address.local == "evil":
            raise ZeroDivisionError("what a bug")
        return GOOD

    def setUp(self) -> None:
        super().setUp()
        self.context.transport.answer = self.crash

    def test_parked_reported_and_the_rest_goes_on(self) -> None:
        self.context.accept(envelope("evil@x.example"), "m1")
        self.context.accept(envelope("good@x.example"), "m2")
        self.assertEqual(self.context.files(), ["m1.msg", "m1.state"])
        self.context.pass_time(10 * DAY, 3600.0)
        self.assertEqual(self.context.transport.tried, ["evil@x.example", "good@x.example"])
        (parked,) = self.context.events.of(Parked)
        self.assertEqual((parked.identity, parked.reason), ("m1", "ZeroDivisionError: what a bug"))
        view = self.context.runner.view("m1")
        assert view is not None
        self.assertIn("raise ZeroDivisionError", view.state.traceback)
        self.assertEqual(view.word, "parked")

    def test_the_postmaster_is_told_once(self) -> None:
        self.context.accept(envelope("evil@x.example"))
        self.context.pass_time(DAY, 3600.0)
        (alarm,) = self.context.handover.taken
        self.assertEqual(str(alarm[0].recipients[0].address), "postmaster")
        self.assertIsNone(alarm[0].reverse_path)
        self.assertIn(b"mailhost queue show m1", alarm[1])

    def test_an_alarm_that_is_parked_makes_none(self) -> None:
        self.context.accept(envelope("evil@x.example", sender=None))
        self.assertEqual(self.context.handover.taken, [])
        self.assertEqual(len(self.context.events.of(Parked)), 1)

    def test_parked_stays_parked_after_a_restart(self) -> None:
        self.context.accept(envelope("evil@x.example"))
        again = self.start()
        again.pass_time(DAY, 3600.0)
        self.assertEqual(again.transport.calls, [])
        self.assertEqual(again.runner.views()[0].word, "parked")

    def test_a_transport_that_answers_nonsense(self) -> None:
        self.context.transport._outcome = None  # type: ignore[method-assign, assignment]
        self.context.accept(envelope(BOB))
        self.assertEqual(len(self.context.events.of(Parked)), 1)

    def test_a_bug_after_delivery_does_not_deliver_again(self) -> None:
        self.context.transport.answer = lambda recipient: UNKNOWN
        handover, self.context.handover = self.context.handover, None  # type: ignore[assignment]
        self.context.reconfigure(Queue())
        self.context.accept(envelope(BOB))
        self.assertEqual(self.context.runner.views()[0].word, "parked")
        self.context.handover = handover
        self.context.reconfigure(Queue())
        self.successResultOf(Deferred.fromCoroutine(self.context.runner.release("m1")))
        self.assertEqual(self.context.transport.tried, [BOB])
        self.assertEqual(len(handover.taken), 1)
        self.assertEqual(self.context.files(), [])

    def test_what_was_carried_before_a_bug_is_not_carried_again(self) -> None:
        self.context.accept(envelope("good@x.example", "evil@x.example"))
        self.assertEqual(self.context.events.of(Parked)[0].reason, "ZeroDivisionError: what a bug")
        again = self.start()
        self.successResultOf(Deferred.fromCoroutine(again.runner.release("m1")))
        self.assertEqual(again.transport.tried, ["evil@x.example"])


class Disk(RunnerCase):
    """The disk fails while the queue works."""

    def test_a_state_that_cannot_be_written(self) -> None:
        self.answers(good=GOOD, busy=BUSY)
        self.context.disk.fail = lambda change: _full(change, ".state")
        self.context.accept(envelope("good@x.example", "busy@x.example"))
        self.assertEqual(len(self.context.events.of(Faulted)), 1)
        self.context.disk.fail = lambda change: None
        self.context.pass_time(6 * MINUTE)
        self.assertEqual(self.context.transport.calls[1][1], ("busy@x.example",))
        self.assertEqual(self.context.files(), ["m1.msg", "m1.state"])

    def test_a_removal_that_fails_is_tried_again(self) -> None:
        self.context.disk.fail = lambda change: (
            OSError(errno.EROFS, "read only") if isinstance(change, RemovedFile) else None
        )
        self.context.accept(envelope(BOB))
        self.assertEqual(self.context.files(), ["m1.msg", "m1.state"])
        again = self.start()
        again.pass_time(6 * MINUTE)
        self.assertEqual((again.transport.calls, again.files()), ([], []))
        self.context.disk.fail = lambda change: None
        self.context.pass_time(6 * MINUTE)
        self.assertEqual(self.context.transport.tried, [BOB])

    def test_a_file_that_somebody_removed(self) -> None:
        self.context.transport.answer = lambda recipient: BUSY
        self.context.accept(envelope(BOB))
        os.unlink(os.path.join(self.folder, "m1.msg"))
        self.context.pass_time(6 * MINUTE)
        self.assertEqual(self.context.runner.views(), [])
        self.assertIn("is gone", self.context.events.of(Faulted)[0].line)


def _full(change: Change, kind: str) -> OSError | None:
    assert isinstance(change, NewFile | RemovedFile)
    path = change.path if isinstance(change, RemovedFile) else change.final
    return OSError(errno.ENOSPC, "full") if path.endswith(kind) else None

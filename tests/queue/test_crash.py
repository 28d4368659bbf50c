"""Killed between any two file operations, and in the middle of one: nothing answered is lost."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.section import MINUTE
from mailhost.interfaces.changes import NewFile
from mailhost.message.envelope import ForwardPath
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from tests.queue.fakes import BUSY, GOOD, UNKNOWN, FakeCommitter, RunningQueue, envelope

NAMES = ("good@x.example", "gone@x.example", "busy@x.example")


class NextHop:
    """Serves good at once, busy at the third attempt, gone never; over several processes."""

    def __init__(self) -> None:
        self.tries: dict[str, int] = {}

    def __call__(self, recipient: ForwardPath) -> Status | None:
        local = recipient.address.local
        self.tries[local] = self.tries.get(local, 0) + 1
        if local == "gone":
            return UNKNOWN
        return BUSY if local == "busy" and self.tries[local] < 3 else GOOD


class Killed(SynchronousTestCase):
    """Each test kills the process after so many file operations, then starts the next."""

    def test_at_every_change(self) -> None:
        changes = self._life(None, torn=False)
        self.assertGreaterEqual(changes, 5)  # the message, states, both removed
        for crash_at in range(changes + 1):
            for torn in (False, True):
                self._life(crash_at, torn)

    def test_with_deferrals_known_already(self) -> None:
        for crash_at in range(8):
            self._life(crash_at, torn=True, known=True)

    @settings(deadline=None, max_examples=30)
    @given(st.lists(st.integers(0, 6), max_size=6), st.booleans())
    def test_again_and_again(self, crashes: list[int], torn: bool) -> None:
        folder = os.path.join(self.mktemp(), "queue")
        hop = NextHop()
        first = self._process(folder, hop, None, torn)
        self.assertTrue(first.accept(envelope(*NAMES)).ok)
        queues = [first]
        for crash_at in crashes:
            queues.append(self._process(folder, hop, crash_at, torn))
            queues[-1].pass_time(40 * MINUTE)
        self._finish(folder, hop, queues)

    def _life(self, crash_at: int | None, torn: bool, known: bool = False) -> int:
        """Take one message, die, start again, and look. Returns how many changes were made."""
        folder = os.path.join(self.mktemp(), "queue")
        hop = NextHop()
        context = self._process(folder, hop, crash_at, torn)
        wanted = envelope(*NAMES)
        outcomes = [Outcome(path, Fate.DEFERRED, BUSY) for path in wanted.recipients]
        status = context.asked(wanted, outcomes=outcomes if known else ())
        context.pass_time(60 * MINUTE)
        if status is None:
            after = self._process(folder, hop, None, torn)
            after.pass_time(120 * MINUTE)
            self.assertEqual(after.files(), [])
        else:
            self.assertTrue(status.ok)
            self._finish(folder, hop, [context])
        return len(context.disk.done)

    def _process(self, folder: str, hop: NextHop, crash_at: int | None, torn: bool) -> RunningQueue:
        context = RunningQueue(folder)
        context.disk.crash_at, context.disk.torn = crash_at, torn
        context.transport.answer = hop
        context.start()
        return context

    def _finish(self, folder: str, hop: NextHop, queues: list[RunningQueue]) -> None:
        """The last process ends it all: everybody is served or told of, and nothing is left."""
        last = self._process(folder, hop, None, torn=False)
        last.pass_time(300 * MINUTE)
        self.assertEqual(last.files(), [])
        self.assertGreaterEqual(hop.tries["good"], 1)
        self.assertGreaterEqual(hop.tries["busy"], 3)
        bounces = [body for context in (*queues, last) for _, body in context.handover.taken]
        self.assertTrue(any(b"Final-Recipient: rfc822; gone@x.example" in b for b in bounces))

    def test_what_is_written_down_is_not_done_again(self) -> None:
        folder = os.path.join(self.mktemp(), "queue")
        hop = NextHop()
        context = self._process(folder, hop, None, torn=False)
        context.accept(envelope(*NAMES))
        self._finish(folder, hop, [context])
        self.assertEqual((hop.tries["good"], hop.tries["gone"], hop.tries["busy"]), (1, 1, 3))

    def test_every_name_is_written_under_another_first(self) -> None:
        folder = os.path.join(self.mktemp(), "queue")
        context = self._process(folder, NextHop(), None, torn=False)
        context.accept(envelope(*NAMES))
        context.pass_time(60 * MINUTE)
        made = [change for change in context.disk.done if isinstance(change, NewFile)]
        temporaries = [change.temporary for change in made]
        self.assertEqual(len(set(temporaries)), len(temporaries))
        self.assertTrue(all(path.endswith(".tmp") for path in temporaries))
        self.assertIsInstance(context.committer, FakeCommitter)

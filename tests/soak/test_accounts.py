"""The long run's account of faults, without any host."""

from __future__ import annotations

import socket
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from tests.soak.far_end import Copy, FarEnd
from tests.soak.floods import Flooded
from tests.soak.message import entry_of, identity_of, make
from tests.soak.rounds import needless_there


def copies(entry: str, *began: float, excused: bool = False) -> list[Copy]:
    """Copies of the message m1 from one entry of the queue."""
    return [Copy("m1", entry, each, excused) for each in began]


class CopiesAtTheFarEnd(SynchronousTestCase):
    def needless(self, sent: list[Copy], unanswered: int = 0, *deaths: float) -> int:
        """How many findings."""
        return len(needless_there(sent, {"m1": unanswered}, deaths))

    def test_one_is_right(self) -> None:
        self.assertEqual(0, self.needless(copies("a", 1.0)))

    def test_two_without_a_reason(self) -> None:
        self.assertEqual(1, self.needless(copies("a", 1.0, 2.0)))
        self.assertEqual(1, self.needless(copies("a", 1.0, 2.0), 1))
        self.assertEqual(1, self.needless(copies("a", 1.0, 2.0), 0, 0.5, 3.0))
        self.assertEqual(1, self.needless([*copies("a", 1.0), *copies("b", 1.5)]))

    def test_the_head_died_in_between(self) -> None:
        self.assertEqual(0, self.needless(copies("a", 1.0, 2.0), 0, 1.5))
        self.assertEqual(1, self.needless(copies("a", 1.0, 2.0, 2.5), 0, 1.5))
        self.assertEqual(0, self.needless(copies("a", 2.0, 1.0), 0, 1.5))

    def test_one_death_befalls_both_entries_of_a_message_that_was_sent_twice(self) -> None:
        both = [*copies("a", 1.0, 2.0), *copies("b", 1.1, 2.1)]
        self.assertEqual(0, self.needless(both, 1, 1.5))
        self.assertEqual(1, self.needless(both, 0, 1.5))

    def test_no_answer_from_the_far_end(self) -> None:
        sent = [*copies("a", 1.0, excused=True), *copies("a", 2.0)]
        self.assertEqual(0, self.needless(sent))


class Messages(SynchronousTestCase):
    def test_the_hosts_own_name_for_a_message(self) -> None:
        received = (
            b"Received: from x ([127.0.0.1])\r\n\tby mx.example.org (mailhost) with SMTP id abc7"
            b"\r\n\tfor <x@far.example>; Sat, 28 Nov 2026 01:00:00 +0000\r\n"
        )
        message = received + make("m1", 200)
        self.assertEqual(("m1", "abc7"), (identity_of(message), entry_of(message)))
        self.assertEqual("", entry_of(make("m1", 200)))


class ScriptedFarEnd(SynchronousTestCase):
    def test_a_host_that_is_killed_is_no_fault_of_its_own(self) -> None:
        far = FarEnd(1)
        self.addCleanup(far.stop)
        ours, theirs = socket.socketpair()
        theirs.sendall(b"EHLO x\r\nNOOP\r\n")
        theirs.close()
        far._serve(ours)
        self.assertEqual([], far.faults)

    def test_a_fault_of_the_host_is_reported(self) -> None:
        far = FarEnd(1)
        self.addCleanup(far.stop)
        ours, theirs = socket.socketpair()
        with theirs:
            theirs.sendall(b"DATA\r\n")
            self.patch(far, "_take", lambda wire: 1 / 0)
            far._serve(ours)
        self.assertIn("ZeroDivisionError", far.faults[0])


class Floods(SynchronousTestCase):
    calm = Flooded("calm", 70.0, 100.0, 2.0, 0.01, 0.9, 50, 0, 0)

    def test_a_slow_machine_is_no_fault(self) -> None:
        self.assertTrue(self.calm.good)
        self.assertFalse(replace(self.calm, slowest=1.01).good)
        self.assertTrue(replace(self.calm, slowest=1.01, quiet=0.1).good)

    def test_memory(self) -> None:
        self.assertTrue(replace(self.calm, memory_most=140.0).bounded)
        self.assertFalse(replace(self.calm, memory_most=141.0).bounded)

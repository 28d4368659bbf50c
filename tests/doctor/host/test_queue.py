"""The queue: damaged files, and mail that waits for reasons."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.queue import queue_check
from mailhost.doctor.host.queue_files import LONGEST_READ, read_queue
from mailhost.message.outcome import Fate, Outcome
from mailhost.message.status import Status
from mailhost.queue.entry import Entry, Recipient, encode_state, first_state, laid_out
from tests.doctor.host.case import HostCase, found_by
from tests.queue.fakes import MESSAGE, START, envelope, here

FULL = Status(452, "4.2.2", "The mailbox is full")
TSS04 = Status(421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred")
HOUR = 3600.0


class QueueTests(HostCase):
    def setUp(self) -> None:
        super().setUp()
        self.queue = os.path.join(self.data, "queue")
        os.mkdir(self.queue)
        self.now = START
        self.ids = map("id{:03}".format, count())

    def add(self, *recipients: str, reply: Status | None = None, **state: object) -> str:
        """Write an entry that arrived at START."""
        id = next(self.ids)
        entry, line = laid_out(Entry(id, id, START, envelope(*recipients), len(MESSAGE)))
        self.write(f"{id}.msg", line + MESSAGE)
        new = first_state(entry)
        if reply is not None:
            deferred = [
                Recipient(each, outcome=Outcome(each, Fate.DEFERRED, reply, "mx.far.test"))
                for each in entry.envelope.recipients
            ]
            new = replace(new, recipients=tuple(deferred))
        new = replace(new, **state)  # type: ignore[arg-type]
        if new != first_state(entry):
            self.write(f"{id}.state", encode_state(new))
        return id

    def write(self, name: str, octets: bytes) -> None:
        with open(os.path.join(self.queue, name), "wb") as file:
            file.write(octets)

    def found(self) -> Sequence[Finding]:
        return found_by(queue_check(self.data, here, lambda: self.now))

    def test_empty(self) -> None:
        [finding] = self.found()
        self.assert_fine([finding])
        self.assertEqual("empty", finding.seen)
        os.rmdir(self.queue)
        self.assert_fine(self.found())

    def test_mail_that_waits_for_a_short_time(self) -> None:
        self.add("bob@far.test", reply=FULL)
        self.now += HOUR / 2
        [finding] = self.found()
        self.assert_fine([finding])
        self.assertIn("1 message in it", finding.seen)

    def test_why_it_waits(self) -> None:
        id = self.add("bob@far.test", "eve@far.test", reply=FULL)
        self.now += 5 * HOUR
        finding = self.only(self.found(), "mail-waits", Verdict.WARNING)
        self.assertIn("1 message for far.test, the oldest for 5 hours", finding.seen)
        self.assertIn("mx.far.test said: 452 4.2.2 The mailbox is full", finding.seen)
        self.assertEqual((f"mailhost queue show {id}",), finding.copy)
        self.assertEqual("mail that waits (452 4.2.2)", finding.tried)

    def test_what_another_host_wants_of_this_one_is_reported_at_once(self) -> None:
        self.add("bob@yahoo.com", reply=TSS04)
        finding = self.only(self.found(), "mail-deferred-by-others", Verdict.WARNING)
        self.assertIn("mx.far.test said: 421 4.7.0 [TSS04]", finding.seen)
        self.assertIn("Yahoo defers mail from this address", finding.seen)
        self.assertTrue(finding.remedy.endswith("senders.yahooinc.com/smtp-error-codes/"))

    def test_mail_that_is_not_sent_without_tls(self) -> None:
        text = "No mail is sent to mx.far.test without the TLS that the MTA-STS policy of far.test "
        text += "(mode enforce) requires: the certificate has expired"
        self.add("bob@far.test", reply=Status(451, "4.7.5", text))
        self.assert_fine(self.found())
        self.now += 2 * HOUR
        finding = self.only(self.found(), "mail-waits", Verdict.WARNING)
        self.assertIn(f"the last result: 451 4.7.5 {text}", finding.seen)
        self.assertIn("Responsible is the operator of the receiving host", finding.remedy)

    def test_one_reason_is_one_finding_for_all_destinations(self) -> None:
        for number in range(9):
            self.add(f"bob@{number}.test", reply=FULL)
        self.now += 2 * HOUR
        finding = self.only(self.found(), "mail-waits", Verdict.WARNING)
        self.assertIn(
            "9 messages for 0.test, 1.test, 2.test, 3.test, 4.test and 4 more domains", finding.seen
        )

    def test_many_reasons(self) -> None:
        for code in (421, 432, 450, 451, 452, 454, 455):
            self.add("bob@far.test", reply=Status(code, "", "no"))
        self.now += 2 * HOUR
        found = self.found()
        self.assertEqual(6, len(found))
        self.assertEqual("2 messages for 2 further reasons", found[-1].seen)

    def test_not_tried_at_all(self) -> None:
        self.add("bob@far.test")
        self.now += 2 * HOUR
        finding = self.only(self.found(), "mail-waits", Verdict.WARNING)
        self.assertIn("without an attempt so far", finding.seen)

    def test_stopped_by_a_defect(self) -> None:
        self.add("bob@far.test", parked="KeyError: 1")
        self.now += 2 * HOUR
        finding = self.only(self.found(), "mail-parked")
        self.assertIn("1 message; the first says: KeyError: 1", finding.seen)

    def test_held_back(self) -> None:
        self.add("bob@far.test", held=True)
        self.add("bob@far.test", quarantine="looks odd")
        self.now += 2 * HOUR
        finding = self.only(self.found(), "mail-held", Verdict.WARNING)
        self.assertEqual("2 messages; the first was held back by: looks odd", finding.seen)

    def test_damaged_files(self) -> None:
        self.write("bad.msg", b"junk\n")
        id = self.add("bob@far.test", held=True)
        self.write(f"{id}.state", b"junk")
        finding = self.only(self.found(), "queue-damaged")
        self.assertTrue(finding.seen.startswith(f"bad, {id}: "), finding.seen)

    def test_a_state_without_a_message(self) -> None:
        self.add("bob@far.test")
        self.write("gone.state", b"{}")
        finding = self.only(self.found(), "queue-state-alone", Verdict.WARNING)
        self.assertEqual("gone: a state without a message", finding.seen)

    def test_a_large_queue_is_read_in_part(self) -> None:
        for _ in range(5):
            self.add("bob@far.test")
        times = iter((0.0, 0.1, LONGEST_READ + 1))
        files = read_queue(self.queue, lambda: next(times))
        self.assertEqual((1, 4), (len(files.entries), files.left))

    def test_nothing_is_changed(self) -> None:
        self.write("gone.state", b"{}")
        self.write("x.msg.1.tmp", b"")
        before = sorted(os.listdir(self.queue))
        self.found()
        self.assertEqual(before, sorted(os.listdir(self.queue)))

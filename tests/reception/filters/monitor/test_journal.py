"""The journal: copies with the envelope, kept before the message is accepted."""

from __future__ import annotations

from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.filters import FilterFailed
from mailhost.interfaces.verdict import Decision
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.reception.filters.monitor.journal import JournalFilter, to_address, to_maildir
from tests.fakes import (
    FakeHandover,
    address,
    now,
)
from tests.memory_store import MemoryStore
from tests.reception.filters.mails import message

MAIL = message("Subject: x\nMessage-ID: <1@b>\n\nhi\n", "ann@a.example", "bob@a.example")


COPY = (
    b"X-Envelope-From: <sue@far.example>\r\nX-Envelope-To: <ann@a.example>\r\n"
    b"X-Envelope-To: <bob@a.example>\r\nSubject: x\r\nMessage-ID: <1@b>\r\n\r\nhi\r\n"
)


class JournalTests(SynchronousTestCase):
    def test_to_an_address_with_the_null_reverse_path(self) -> None:
        handover = FakeHandover()
        filter = JournalFilter(to_address(handover, address("j@a.example")), "j@a.example", False)
        verdict = now(filter.look(MAIL))
        self.assertIs(verdict.decision, Decision.COPY)
        ((envelope, content, identity),) = handover.taken
        self.assertIsNone(envelope.reverse_path)
        self.assertEqual([str(path.address) for path in envelope.recipients], ["j@a.example"])
        self.assertEqual((content, identity), (COPY, "m1-journal"))

    def test_the_copy_of_a_message_with_requiretls_has_it_too(self) -> None:
        handover = FakeHandover()
        filter = JournalFilter(to_address(handover, address("j@a.example")), "j@a.example", False)
        strict = replace(MAIL, envelope=replace(MAIL.envelope, tls=TLSDemand.REQUIRED))
        now(filter.look(strict))
        self.assertIs(handover.taken[0][0].tls, TLSDemand.REQUIRED)

    def test_into_a_maildir(self) -> None:
        store = MemoryStore()
        now(JournalFilter(to_maildir(store.maildir("/j")), "/j", False).look(MAIL))
        self.assertEqual(store.boxes, {"/j": [COPY]})

    def test_mail_without_a_copy_is_deferred(self) -> None:
        handover = FakeHandover()
        handover.status = Status(452, "4.3.1", "Disk full", "ENOSPC")
        filter = JournalFilter(to_address(handover, address("j@a.example")), "j@a.example", False)
        failure = self.failureResultOf(Deferred.fromCoroutine(filter.look(MAIL)), FilterFailed)
        self.assertIn("452 4.3.1 Disk full ENOSPC", str(failure.value))

    def test_observing_copies_nothing(self) -> None:
        handover = FakeHandover()
        filter = JournalFilter(to_address(handover, address("j@a.example")), "j@a.example", True)
        self.assertIs(now(filter.look(MAIL)).decision, Decision.COPY)
        self.assertEqual(handover.taken, [])

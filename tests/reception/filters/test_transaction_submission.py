"""Filters in front of the reception of the host get the message that leaves, also a held one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mailhost.interfaces.verdict import PASS, Mail, Verdict, edit, quarantine
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.header import fields, values
from mailhost.message.status import Status
from mailhost.outgoing import Outgoing
from mailhost.reception.filters.monitor.journal import JournalFilter, to_address
from mailhost.reception.filters.reception import FilteredReception
from tests.fakes import FakeHandover, FakeQueue, address
from tests.reception.context import ANN, MESSAGE, UNKNOWN_CLIENT, ReceptionCase
from tests.reception.filters.chain_fakes import ChainServices, FakeFilter

ADDED = [b"Received", b"From", b"Date", b"Message-ID", b"Subject"]
HELD = quarantine("looks odd")
OWN: dict[str, Any] = {"client": ANN, "sender": "ann@a.example"}


class FilteredSubmission(ReceptionCase):
    def filtered(self, *filters: Any, client: Client = ANN) -> None:
        """Put these filters in front of the reception."""
        self.queue = FakeQueue()
        chain = ChainServices().chain(*filters)
        self.reception: Any = FilteredReception(
            chain, client, self.reception_with(self.rules), self.queue
        )

    def names(self, content: bytes) -> list[bytes]:
        """Return the names of the fields of a message, in order."""
        return [field.name for field in fields(content.partition(b"\r\n\r\n")[0])]

    def answer(self, verdict: Verdict, content: bytes, **more: Any) -> Status:
        self.filtered(FakeFilter(verdict), client=more["client"])
        (status,) = self.send(content, **more)
        return status

    def test_held_and_other_messages_are_complete(self) -> None:
        content = b"Subject: x\r\n\r\nbody"
        for verdict in (PASS, HELD):
            self.assertTrue(self.answer(verdict, content, **OWN).ok)
        _, taken, _ = self.handover.taken[0]
        [(_, held, _)] = self.queue.kept
        for message in (taken, held):
            self.assertEqual(self.names(message), ADDED)

    def test_held_and_other_messages_have_an_author_of_the_account(self) -> None:
        for verdict in (PASS, HELD):
            status = self.answer(verdict, b"From: bob@a.example\r\n\r\n", **OWN)
            self.assertEqual((status.code, status.enhanced), (554, "5.7.1"))
            self.assertEqual((self.queue.kept, self.handover.taken), ([], []))

    def test_held_and_other_messages_are_no_mail_loop(self) -> None:
        for verdict in (PASS, HELD):
            hops = b"Received: x\r\n" * 4
            status = self.answer(verdict, hops, client=UNKNOWN_CLIENT, sender="sue@far.example")
            self.assertEqual(status.enhanced, "5.4.6")

    def test_filters_see_the_completed_message(self) -> None:
        self.filtered(fake_filter := FakeFilter())
        self.send(b"Subject: x\r\n\r\nbody", **OWN)
        self.assertEqual(self.names(fake_filter.asked[0].content.read()), ADDED[1:])

    def test_the_journal_has_the_message_that_leaves(self) -> None:
        journal = FakeHandover()
        keep = to_address(journal, address("j@a.example"))
        self.filtered(JournalFilter(keep, "j@a.example", False))
        self.send(MESSAGE.replace(b"sue@far", b"ann@a"), **OWN)
        [(_, copy, _)], [(_, taken, _)] = journal.taken, self.handover.taken
        self.assertTrue(copy.endswith(b"\r\n" + taken), copy)
        self.assertEqual(values(copy, "X-Envelope-To"), ["<bob@a.example>"])

    def without_date(self, mail: Mail) -> Verdict:
        """The verdict of a filter that removes Date and Message-ID."""
        content = Content((b"From: ann@a.example\r\n\r\nbody",))
        return edit(replace(mail, content=content), "short")

    def test_fields_that_a_filter_removed_are_added_again(self) -> None:
        content = b"From: ann@a.example\r\nMessage-ID: <1@x>\r\n\r\nbody"
        for filters in ((), (FakeFilter(HELD),)):
            self.filtered(FakeFilter(self.without_date), *filters)
            self.assertTrue(self.send(content, **OWN)[0].ok)
            sent = self.handover.taken if not filters else self.queue.kept
            names = [b"Received", b"Date", b"Message-ID", b"From"]
            self.assertEqual(self.names(sent[0][1]), names)
        self.assertIn("Message-ID <", self.events.lines[0])
        self.assertNotIn("<1@x>", self.events.lines[0])

    def test_a_filter_may_remove_fields_of_mail_that_is_not_submitted(self) -> None:
        self.filtered(FakeFilter(self.without_date), client=UNKNOWN_CLIENT)
        self.send(MESSAGE, client=UNKNOWN_CLIENT, sender="sue@far.example")
        self.assertEqual(self.names(self.handover.taken[0][1]), [b"Received", b"From"])

    def test_a_message_that_must_not_leave_is_refused(self) -> None:
        refusal = Status(451, "4.7.5", "No key")
        for verdict in (PASS, HELD):
            self.patch(Outgoing, "leave", lambda outgoing, message: refusal)
            self.assertEqual(self.answer(verdict, b"Subject: x\r\n\r\n", **OWN), refusal)
            self.assertEqual((self.queue.kept, self.handover.taken), ([], []))

"""Refusals after the directory was read once more."""

from __future__ import annotations

from mailhost.routing import NO_DIRECTORY
from tests.fakes import now, path
from tests.reception.context import ANN, VIEW, WITHOUT_ANN, ReceptionCase


class FreshDirectoryTests(ReceptionCase):
    def test_an_account_made_a_moment_ago_is_found(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        self.assertEqual(self.rcpt("ann@a.example").code, 250)
        self.assertEqual(self.directory.refreshed, 1)

    def test_a_domain_made_a_moment_ago_is_found(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        self.assertEqual(self.rcpt("kit@b.example").code, 250)

    def test_known_recipients_are_not_looked_up_again(self) -> None:
        self.rcpt("ann@a.example")
        self.assertEqual(self.directory.refreshed, 0)

    def test_a_directory_that_cannot_be_read_is_a_deferral(self) -> None:
        self.directory.outage = "locked"
        for to in ("nobody@a.example", "x@far.example"):
            status = self.rcpt(to)
            self.assertEqual((status, status.cause), (NO_DIRECTORY.because("locked"), "locked"))
        self.assertEqual(self.rcpt("ann@a.example").code, 250)

    def test_a_sender_is_looked_up_again_too(self) -> None:
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        self.begin(ANN, "team@a.example")
        self.assertEqual(self.directory.refreshed, 1)

    def test_an_author_is_looked_up_again_too(self) -> None:
        message = b"From: team@a.example\r\n\r\n"
        transaction = self.begin(ANN, "ann@a.example")
        now(transaction.recipient(path("bob@a.example")))
        self.directory.view, self.directory.newer = WITHOUT_ANN, VIEW
        statuses = self.write(transaction, message)
        self.assertTrue(statuses[0].ok)

    def test_senders_and_authors_wait_for_a_directory_that_can_be_read(self) -> None:
        self.directory.outage = "locked"
        found = self.mail(ANN, "x@far.example")
        self.assertEqual(found, NO_DIRECTORY.because("locked"))
        (status,) = self.send(b"From: x@far.example\r\n\r\n", client=ANN, sender="ann@a.example")
        self.assertEqual(status, NO_DIRECTORY.because("locked"))

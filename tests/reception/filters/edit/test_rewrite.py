"""Senders and recipients of the envelope are replaced."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.edit import Rewrite
from mailhost.interfaces.verdict import PASS, Mail, Stage
from mailhost.reception.filters.edit.rewrite import RewriteFilter
from tests.fakes import envelope, path
from tests.reception.filters.mails import CLIENT


class RewriteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.filter = RewriteFilter(
            Rewrite(
                kind="rewrite",
                senders={"*@in.example": "*@out.example", "boss@in.example": "b@x.example"},
                recipients={"Info@a.example": "ann@a.example"},
            )
        )

    def sender(self, text: str) -> str:
        """Return the rewritten sender."""
        mail = Mail(Stage.SENDER, CLIENT, envelope(sender=text))
        verdict = self.filter.look(mail)
        return str((verdict.mail or mail).envelope.reverse_path or "<>")

    def test_senders(self) -> None:
        self.assertEqual(self.sender("ann@in.example"), "ann@out.example")
        self.assertEqual(self.sender("BOSS@in.example"), "b@x.example")
        self.assertEqual(self.sender("ann@else.example"), "ann@else.example")
        self.assertEqual(self.sender(""), "<>")

    def test_a_rewritten_recipient_keeps_its_original_address(self) -> None:
        mail = Mail(Stage.RECIPIENT, CLIENT, envelope(), path("info@a.example"))
        verdict = self.filter.look(mail)
        assert verdict.mail is not None and verdict.mail.recipient is not None
        self.assertEqual(str(verdict.mail.recipient.address), "ann@a.example")
        self.assertEqual(verdict.mail.recipient.original, "rfc822;info@a.example")
        other = Mail(Stage.RECIPIENT, CLIENT, envelope(), path("bob@a.example"))
        self.assertIs(self.filter.look(other), PASS)

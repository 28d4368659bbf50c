"""Sizes of messages, announced and sent."""

from __future__ import annotations

from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import Size
from mailhost.interfaces.verdict import PASS, Decision, Mail, Stage
from mailhost.reception.filters.block.size import SizeFilter
from tests.fakes import envelope
from tests.reception.filters.mails import CLIENT, message


class SizeTests(SynchronousTestCase):
    def test_announced_and_sent(self) -> None:
        filter = SizeFilter(Size(kind="size", limit=20))
        mail = message("Subject: x\n\n12345678\n")
        self.assertEqual(str(filter.look(mail).status)[:9], "552 5.3.4")
        self.assertIs(filter.look(message("Subject: x\n\n\n")), PASS)
        said = Mail(Stage.SENDER, CLIENT, replace(envelope(), size=21))
        self.assertIs(filter.look(said).decision, Decision.REJECT)
        self.assertIs(filter.look(Mail(Stage.SENDER, CLIENT, envelope())), PASS)

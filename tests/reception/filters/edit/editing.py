"""A case for filters that edit messages."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import Decision, Mail
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.fakes import now
from tests.queue.fakes import here


class EditCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.whole_messages = WholeMessages(self.mktemp(), 1 << 20, here)

    def edited(self, filter: IFilter, mail: Mail) -> bytes:
        """Return the edited content."""
        verdict: Any = now(filter.look(mail))
        self.assertIs(verdict.decision, Decision.EDIT)
        self.assertTrue(verdict.reason)
        content: bytes = verdict.mail.content.read()
        return content

"""A case for filters that find attachments."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.filters.block import Attachment
from mailhost.interfaces.verdict import Verdict
from mailhost.reception.filters.block.attachment import AttachmentFilter
from mailhost.reception.filters.whole_messages import WholeMessages
from tests.fakes import now
from tests.queue.fakes import here
from tests.reception.filters.mails import message


class AttachmentCase(SynchronousTestCase):
    """`look` returns the verdict of an attachment filter."""

    def look(self, mail: bytes, **settings: Any) -> Verdict:
        chosen = Attachment(kind="attachment", **settings)
        found: Verdict = now(
            AttachmentFilter(chosen, WholeMessages("/", 0, here)).look(message(mail))
        )
        return found

"""Refuses mail with attachments that the settings do not allow."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.block import Attachment
from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters.action import verdict_of
from mailhost.reception.filters.attached import NOT_EXAMINED, AttachmentSelector
from mailhost.reception.filters.whole_messages import WholeMessages


@implementer(IFilter)
class AttachmentFilter:
    """Finds the first attachment that is not allowed.

    A message that has more parts than can be examined is treated as if it had such an attachment.
    """

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Attachment, whole_messages: WholeMessages) -> None:
        self._settings = settings
        self._whole_messages = whole_messages
        self._selector = AttachmentSelector(settings.names, settings.types, settings.look_inside)

    async def look(self, mail: Mail) -> Verdict:
        found = await self._whole_messages.read(mail.content, self._find)
        if not found:
            return PASS
        return verdict_of(self._settings, found, f"The message has {found}, which is not allowed")

    def _find(self, message: bytes) -> str:
        root = self._selector.tree(message)
        found = next((reason for _, reason in self._selector.select(message, root)), "")
        return found or ("" if root.whole else NOT_EXAMINED)

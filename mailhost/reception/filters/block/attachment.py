"""Mail with attachments that are not wanted."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.block import Attachment
from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters.action import verdict_of
from mailhost.reception.filters.attached import TOO_MANY, Chosen
from mailhost.reception.filters.whole_messages import WholeMessages


@implementer(IFilter)
class Attached:
    """Finds the first attachment that somebody does not want. One may hide where there are more
    parts than can be looked at: such mail is treated as if it did."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Attachment, whole_messages: WholeMessages) -> None:
        self._settings = settings
        self._whole_messages = whole_messages
        self._chosen = Chosen(settings.names, settings.types, settings.look_inside)

    async def look(self, mail: Mail) -> Verdict:
        found = await self._whole_messages.read(mail.content, self._find)
        if not found:
            return PASS
        return verdict_of(self._settings, found, f"The message has {found}, which is not allowed")

    def _find(self, message: bytes) -> str:
        root = self._chosen.tree(message)
        found = next((why for _, why in self._chosen.among(message, root)), "")
        return found or ("" if root.whole else TOO_MANY)

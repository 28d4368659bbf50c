"""Mail with attachments that are not wanted."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.block import Attachment
from mailhost.interfaces import IFilter
from mailhost.message.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters.attached import TOO_MANY, Chosen
from mailhost.reception.filters.deed import deed
from mailhost.reception.filters.workbench import Workbench


@implementer(IFilter)
class Attached:
    """Finds the first attachment that somebody does not want. One may hide where there are more
    parts than can be looked at: such mail is treated as if it did."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Attachment, workbench: Workbench) -> None:
        self._settings = settings
        self._workbench = workbench
        self._chosen = Chosen(settings.names, settings.types, settings.look_inside)

    async def look(self, mail: Mail) -> Verdict:
        found = await self._workbench.read(mail.content, self._find)
        if not found:
            return PASS
        return deed(self._settings, found, f"The message has {found}, which is not allowed")

    def _find(self, message: bytes) -> str:
        root = self._chosen.tree(message)
        found = next((why for _, why in self._chosen.among(message, root)), "")
        return found or ("" if root.whole else TOO_MANY)

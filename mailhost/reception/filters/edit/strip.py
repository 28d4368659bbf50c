"""Removes attachments from mail, or renames them."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.edit import Strip
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict, edit
from mailhost.message.mime.attachments import AttachedPart, rename, strip
from mailhost.reception.filters.attached import NOT_EXAMINED, AttachmentSelector
from mailhost.reception.filters.whole_messages import WholeMessages

BLOCKED_SUFFIX = ".blocked"  # added to the name of a renamed attachment


@implementer(IFilter)
class StripFilter:
    """Removes or renames the selected attachments, also of signed mail, whose signature breaks."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Strip, whole_messages: WholeMessages) -> None:
        self._settings = settings
        self._whole_messages = whole_messages
        self._selector = AttachmentSelector(settings.names, settings.types, settings.look_inside)

    async def look(self, mail: Mail) -> Verdict:
        reasons: list[str] = []
        content = await self._whole_messages.edit(
            mail.content, lambda message: self._edited(message, reasons)
        )
        if content is mail.content:
            return PASS
        return edit(mail.containing(content), ", ".join(reasons))

    def _edited(self, message: bytes, reasons: list[str]) -> bytes:
        root = self._selector.tree(message)
        if not root.whole:
            raise FilterFailed(f"the message has {NOT_EXAMINED}")
        chosen = []
        for each, reason in self._selector.select(message, root):
            chosen.append(each)
            reasons.append(reason)
        if not chosen:
            return message
        if self._settings.rename:
            return rename(message, [(each, each.name + BLOCKED_SUFFIX) for each in chosen])
        return strip(message, chosen, self._notice)

    def _notice(self, attachment: AttachedPart) -> str:
        return self._settings.notice.replace("{name}", attachment.name or attachment.type)

"""Attachments taken out of mail, or renamed."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.edit import Strip
from mailhost.interfaces.filters import FilterFailed, IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict, edit
from mailhost.message.mime.attachments import Attachment, rename, strip
from mailhost.reception.filters.attached import TOO_MANY, Chosen
from mailhost.reception.filters.whole_messages import WholeMessages

NOBODY_OPENS = ".blocked"  # behind the name


@implementer(IFilter)
class Stripped:
    """Edits signed mail too: what must not come in must not come in signed."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Strip, whole_messages: WholeMessages) -> None:
        self._settings = settings
        self._whole_messages = whole_messages
        self._chosen = Chosen(settings.names, settings.types, settings.look_inside)

    async def look(self, mail: Mail) -> Verdict:
        reasons: list[str] = []
        content = await self._whole_messages.edit(
            mail.content, lambda message: self._edited(message, reasons)
        )
        if content is mail.content:
            return PASS
        return edit(mail.containing(content), ", ".join(reasons))

    def _edited(self, message: bytes, reasons: list[str]) -> bytes:
        root = self._chosen.tree(message)
        if not root.whole:
            raise FilterFailed(f"the message has {TOO_MANY}")
        chosen = []
        for each, why in self._chosen.among(message, root):
            chosen.append(each)
            reasons.append(why)
        if not chosen:
            return message
        if self._settings.rename:
            return rename(message, [(each, each.name + NOBODY_OPENS) for each in chosen])
        return strip(message, chosen, self._notice)

    def _notice(self, attachment: Attachment) -> str:
        return self._settings.notice.replace("{name}", attachment.name or attachment.type)

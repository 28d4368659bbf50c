"""Adds a text to the body of each message: a disclaimer, a banner."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.edit import Disclaimer, DisclaimerPlace
from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import Decision, Mail, Stage, Verdict, edit
from mailhost.message.mime.disclaimer import AddedText, append, prepend
from mailhost.reception.filters.whole_messages import WholeMessages


class _LeftAlone(Exception):
    """The message must not be changed; the text of the exception is the reason."""


@implementer(IFilter)
class DisclaimerFilter:
    """Adds a text. Signed and encrypted mail, and mail without a text, is not changed; the log has
    the reason."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Disclaimer, whole_messages: WholeMessages) -> None:
        """Read the files that the settings name: blocks; raises OSError."""
        text = _of_file(settings.text_file) if settings.text_file else settings.text
        html = _of_file(settings.html_file) if settings.html_file else settings.html
        self._text = AddedText(text, html)
        self._add = prepend if settings.place is DisclaimerPlace.TOP else append
        self._whole_messages = whole_messages

    async def look(self, mail: Mail) -> Verdict:
        try:
            content = await self._whole_messages.edit(mail.content, self._edited)
        except _LeftAlone as reason:
            return Verdict(Decision.PASS, str(reason))
        return edit(mail.containing(content), "text added")

    def _edited(self, message: bytes) -> bytes:
        edited = self._add(message, self._text)
        if edited.message is None:
            raise _LeftAlone(f"left as it is: {edited.reason}")
        return edited.message


def _of_file(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()

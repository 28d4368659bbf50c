"""Removes, replaces and adds header fields; and puts a tag in front of the subject."""

from __future__ import annotations

from functools import partial

from zope.interface import implementer

from mailhost.config.filters.edit import Header, Subject
from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict, edit
from mailhost.message.mime.fields import add, remove, replace, tag_subject
from mailhost.reception.filters.whole_messages import WholeMessages


@implementer(IFilter)
class HeaderFilter:
    """Removes, then replaces, then adds fields. So a field may be removed and added again."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Header, whole_messages: WholeMessages) -> None:
        self._settings = settings
        self._whole_messages = whole_messages

    async def look(self, mail: Mail) -> Verdict:
        change = partial(self._changed, utf8=mail.envelope.smtputf8)
        content = await self._whole_messages.edit_header(mail.content, change)
        return PASS if content is mail.content else edit(mail.containing(content), "header fields")

    def _changed(self, header: bytes, utf8: bool) -> bytes:
        for name in self._settings.remove:
            header = remove(header, name)
        for name, value in self._settings.replace.items():
            header = replace(header, name, value, utf8=utf8)
        for name, value in reversed(self._settings.add.items()):
            header = add(header, name, value, utf8=utf8)
        return header


@implementer(IFilter)
class SubjectFilter:
    """Puts a tag in front of the subject unless the subject has it."""

    stages = (Stage.MESSAGE,)

    def __init__(self, settings: Subject, whole_messages: WholeMessages) -> None:
        self._prefix = settings.prefix
        self._whole_messages = whole_messages

    async def look(self, mail: Mail) -> Verdict:
        change = partial(tag_subject, tag=self._prefix, utf8=mail.envelope.smtputf8)
        content = await self._whole_messages.edit_header(mail.content, change)
        return PASS if content is mail.content else edit(mail.containing(content), self._prefix)

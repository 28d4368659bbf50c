"""Refuses messages that are larger than the limit of the settings."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.block import Size
from mailhost.interfaces.filters import IFilter, IPreview
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters.action import verdict_of


@implementer(IFilter, IPreview)
class SizeFilter:
    """Checks the size that the client announced at MAIL, and the size of the message."""

    stages = (Stage.SENDER, Stage.MESSAGE)

    def __init__(self, settings: Size) -> None:
        self._settings = settings

    def look(self, mail: Mail) -> Verdict:
        size = mail.content.size if mail.stage is Stage.MESSAGE else mail.envelope.size
        limit = self._settings.limit
        if size <= limit:
            return PASS
        text = f"The message is larger than the {limit} octets that are allowed"
        return verdict_of(self._settings, f"{size} octets, {limit} are allowed", text, 552, "5.3.4")

    preview = look

"""Messages that are too large for who they are for."""

from __future__ import annotations

from zope.interface import implementer

from mailhost.config.filters.block import Size
from mailhost.interfaces import IFilter
from mailhost.message.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters.deed import deed


@implementer(IFilter)
class TooLarge:
    """Goes by what the client announced, and by what it sent."""

    stages = (Stage.SENDER, Stage.MESSAGE)

    def __init__(self, settings: Size) -> None:
        self._settings = settings

    def look(self, mail: Mail) -> Verdict:
        size = mail.content.size if mail.stage is Stage.MESSAGE else mail.envelope.size
        limit = self._settings.limit
        if size <= limit:
            return PASS
        words = f"The message is larger than the {limit} octets that are allowed"
        return deed(self._settings, f"{size} octets, {limit} are allowed", words, 552, "5.3.4")

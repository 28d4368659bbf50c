"""Refuses mail whose client, sender or recipient is in a list of networks, addresses or names."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from mailhost.concurrency.threads import InThread
from mailhost.config.filters.block import List
from mailhost.config.filters.common import LookAt
from mailhost.config.lists import Names, Networks
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.filters import IFilter, IPreview
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters.action import verdict_of
from mailhost.reception.filters.block.watched import WatchedList

STAGES = {
    LookAt.CLIENT: Stage.CONNECTED,
    LookAt.HELLO: Stage.HELLO,
    LookAt.SENDER: Stage.SENDER,
    LookAt.RECIPIENT: Stage.RECIPIENT,
}


@implementer(IFilter, IPreview)
class ListFilter:
    """Checks the client at its connection, or its name at HELO, or the sender at MAIL, or the
    recipient at RCPT."""

    def __init__(
        self, settings: List, clock: IReactorTime, in_thread: InThread, events: IEventSink
    ) -> None:
        """Raises OSError, BadEntry."""
        self.stages = (STAGES[settings.look_at],)
        self._settings = settings
        make = Networks if settings.look_at is LookAt.CLIENT else Names
        self._list = WatchedList[Networks | Names](
            settings.entries, settings.file, make, clock, in_thread, events
        )

    def look(self, mail: Mail) -> Verdict:
        part = self._settings.look_at
        name = PARTS[part](mail)
        if not self._list.current.has(name):
            return PASS
        return verdict_of(
            self._settings, f"{part} {name or '<>'} is listed", f"Your {part} is refused"
        )

    preview = look


def sender(mail: Mail) -> str:
    """Return the sender as an address without angle brackets, `<>` for the null reverse-path."""
    path = mail.envelope.reverse_path
    return str(path) if path is not None else "<>"


def recipient(mail: Mail) -> str:
    """Return the recipient that the filter is asked about, empty for none."""
    return str(mail.recipient.address) if mail.recipient is not None else ""


PARTS: dict[LookAt, Callable[[Mail], str]] = {
    LookAt.CLIENT: lambda mail: mail.client.ip,
    LookAt.HELLO: lambda mail: mail.client.hello,
    LookAt.SENDER: sender,
    LookAt.RECIPIENT: recipient,
}

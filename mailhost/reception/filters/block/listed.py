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
from mailhost.interfaces.filters import IFilter
from mailhost.interfaces.verdict import PASS, Mail, Stage, Verdict
from mailhost.reception.filters.action import verdict_of
from mailhost.reception.filters.block.watched import Watched

STAGES = {
    LookAt.CLIENT: Stage.CONNECTED,
    LookAt.HELLO: Stage.HELLO,
    LookAt.SENDER: Stage.SENDER,
    LookAt.RECIPIENT: Stage.RECIPIENT,
}


@implementer(IFilter)
class Listed:
    """Looks at who connects, says hello, sends or receives, as soon as that is known."""

    def __init__(
        self, settings: List, clock: IReactorTime, in_thread: InThread, events: IEventSink
    ) -> None:
        """Raises OSError, BadEntry."""
        self.stages = (STAGES[settings.look_at],)
        self._settings = settings
        make = Networks if settings.look_at is LookAt.CLIENT else Names
        self._list = Watched[Networks | Names](
            settings.entries, settings.file, make, clock, in_thread, events
        )

    def look(self, mail: Mail) -> Verdict:
        what = self._settings.look_at
        name = WHAT[what](mail)
        if not self._list.now.has(name):
            return PASS
        return verdict_of(
            self._settings, f"{what} {name or '<>'} is listed", f"Your {what} is refused"
        )


def sender(mail: Mail) -> str:
    """The sender as people write it, `<>` for none."""
    path = mail.envelope.reverse_path
    return str(path) if path is not None else "<>"


def recipient(mail: Mail) -> str:
    """The recipient in question."""
    return str(mail.recipient.address) if mail.recipient is not None else ""


WHAT: dict[LookAt, Callable[[Mail], str]] = {
    LookAt.CLIENT: lambda mail: mail.client.ip,
    LookAt.HELLO: lambda mail: mail.client.hello,
    LookAt.SENDER: sender,
    LookAt.RECIPIENT: recipient,
}

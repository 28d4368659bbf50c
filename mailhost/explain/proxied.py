"""Replaces the server behind a proxy, which is not asked, since it would see the connection."""

from __future__ import annotations

from collections.abc import Sequence

from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.reception import ICollector, IFilterable, IReception, ITransaction
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.prepared import Prepared
from mailhost.message.status import LOCAL_ERROR, Status

DECIDED_BEHIND = Status(250, "2.0.0", "The server behind the proxy decides")


@implementer(IReception)
class ServerBehind:
    """Accepts all commands that pass the filters, with a reply that says that the server
    decides."""

    def connected(self, client: Client) -> Answer[Status | None]:
        return None

    def hello(self, client: Client) -> Answer[Extensions | Status | None]:
        return None

    def transaction(self, client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        return _Transaction()

    def disconnected(self) -> None:
        """Do nothing: there is no connection."""


@implementer(IFilterable)
class _Transaction:
    identity = ""
    opened = DECIDED_BEHIND

    def coming(self, paths: Sequence[ForwardPath]) -> None:
        """Do nothing."""

    def recipient(self, path: ForwardPath) -> Answer[Status]:
        return DECIDED_BEHIND

    def begin(self) -> Answer[ICollector | Status]:
        return LOCAL_ERROR

    def end(self, content: Content) -> Answer[Sequence[Status]]:
        return [LOCAL_ERROR]

    def prepare(self, content: Content) -> Answer[Prepared | Status]:
        return LOCAL_ERROR

    def leave(self, message: Prepared) -> Answer[Prepared | Status]:
        return message

    def hand_on(self, message: Prepared) -> Answer[Sequence[Status]]:
        return [LOCAL_ERROR]

    def abandon(self) -> None:
        """Do nothing: nothing was written."""

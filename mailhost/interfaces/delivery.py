"""Delivery into the mailboxes of this host."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailhost.interfaces.accounts import Account
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Outcome


@dataclass(frozen=True, slots=True)
class LocalRecipient:
    """A recipient and the account that its mail goes to. `through` are the aliases of this host
    that led to it, for the log of its way."""

    path: ForwardPath
    account: Account
    through: tuple[Address, ...] = ()


class ILocalDelivery(Interface):
    """Delivers messages to accounts of this host."""

    def deliver(
        envelope: Envelope, content: Content, recipients: Sequence[LocalRecipient], identity: str
    ) -> Awaitable[Sequence[Outcome]]:
        """Return an Outcome for each of `recipients`, in their order; raises for bugs only.

        `envelope` carries the reverse-path and parameters; its own recipients are not used.
        """

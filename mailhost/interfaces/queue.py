"""Mail that waits, its transports, and the reports about it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Interface

from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status


class IQueue(Interface):
    """Mail that waits for another attempt, durable."""

    def accept(
        envelope: Envelope,
        content: Content,
        identity: str,
        outcomes: Sequence[Outcome] = (),
        held: str = "",
    ) -> Awaitable[Status]:
        """Keep the message for `envelope.recipients` until each is settled. 250 2.0.0 once it is
        synced. `outcomes` are deferrals known already: they decide when it is tried first. `held`
        is why it is not tried before an operator has released it, empty for what is."""


class Unfinished(Exception):
    """A bug stopped some recipients. `outcomes` are the others', and `bug` is what was raised."""

    def __init__(self, bug: Exception, outcomes: Sequence[Outcome]) -> None:
        super().__init__(repr(bug))
        self.bug = bug
        self.outcomes = outcomes


class ITransport(Interface):
    """Carries a message for some recipients: into a mailbox here, or to another host."""

    def deliver(
        envelope: Envelope,
        content: Content,
        recipients: Sequence[ForwardPath],
        identity: str,
        attempts: int = 0,
    ) -> Awaitable[Sequence[Outcome]]:
        """Return an Outcome for each of `recipients`, in their order.

        `envelope` carries the reverse-path and parameters; its own recipients are not looked at.
        `attempts` counts those made before.
        Raises only for bugs: Unfinished where some recipients have an outcome all the same.
        """


class IReports(Interface):
    """Tells senders what became of their mail (RFC 3461, RFC 3464)."""

    def report(
        envelope: Envelope, content: Content, identity: str, outcomes: Sequence[Outcome]
    ) -> Awaitable[None]:
        """Report these outcomes to the reverse-path in one message, as far as it wants to hear of
        them: failures, deliveries, relays, expansions, delays. Never for `<>`. Does nothing where
        nothing is wanted. Returns when the report is safe; raises OSError where it could not be."""

"""The queue of waiting mail, its transports, and reports about mail."""

from __future__ import annotations

from collections.abc import Awaitable, Hashable, Sequence
from dataclasses import dataclass

from zope.interface import Attribute, Interface

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.outgoing import OwnMessage
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Outcome
from mailhost.message.status import Status


class IQueue(Interface):
    """The durable queue of mail that waits for an attempt."""

    def accept(
        envelope: Envelope,
        content: Content,
        identity: str,
        outcomes: Sequence[Outcome] = (),
        held: str = "",
    ) -> Awaitable[Status]:
        """Keep the message until it was delivered to each of `envelope.recipients`, or has failed
        for them. Returns 250 2.0.0 once the message is synced.

        `outcomes` are known deferrals: they decide when the first attempt is made. If `held` is not
        empty, the message waits until an operator releases it; `held` is the reason.
        """


@dataclass(frozen=True, slots=True)
class Lane:
    """Recipients of one message that get it in one transmission.

    `next_hop` is where a relay sends them, None for mailboxes of this host.
    """

    next_hop: Hashable
    recipients: Sequence[ForwardPath]


@dataclass(frozen=True, slots=True)
class Lanes:
    """All recipients of one attempt, grouped once. `basis` is what the grouping depends on, for the
    transport alone.

    `line` names the line of the fair schedule in which the attempt waits: the recipients' domains
    at other hosts, and "here" for those of this host.
    """

    lanes: Sequence[Lane]
    line: str
    basis: object = None


@dataclass(frozen=True, slots=True)
class Carried:
    """The outcomes for recipients. If an exception of our own code ended the transmission, `bug` is
    that exception, and some recipients have no outcome; it is CancelledError if the transmission
    was cancelled."""

    outcomes: Sequence[Outcome]
    bug: Exception | None = None


class ITransport(Interface):
    """Delivers waiting messages, into mailboxes of this host or to other hosts."""

    def lanes(
        envelope: Envelope, recipients: Sequence[ForwardPath], attempts: int
    ) -> Answer[Lanes]:
        """Group recipients by mailboxes of this host and by next hops. A lane has at most 200 of
        them.

        `envelope` carries the reverse-path; its own recipients are not used. `attempts` counts
        those made before.
        """

    def stands(lanes: Lanes) -> bool:
        """True if the same recipients would be grouped in the same way now."""

    def forget_failures(lanes: Lanes) -> None:
        """Connect to the hosts of these lanes at the next attempt, even if they could not be
        reached a moment ago."""

    def carry(
        lane: Lane, envelope: Envelope, content: Content, identity: str
    ) -> Awaitable[Carried]:
        """Send a message to all recipients of a lane. Each has an outcome if `bug` is None."""


class IRelay(Interface):
    """Sends mail to other hosts."""

    settings = Attribute("The settings that next hops depend on: another object after a reload.")

    def next_hop(sender: str, domain: str, attempts: int) -> Hashable:
        """Return the next hop for mail from the domain `sender` to `domain`. Its str names the
        host.

        `sender` is empty for the null reverse-path. `attempts` counts those made before.
        """

    def forget_failure(next_hop: Hashable) -> None:
        """Connect to a next hop at the next attempt, even if it could not be reached a moment
        ago."""

    def carry(
        lane: Lane, envelope: Envelope, content: Content, identity: str
    ) -> Awaitable[Carried]:
        """Send a message as ITransport.carry does. The lane must have a next hop, and recipients
        that the same aliases led to."""


class IReports(Interface):
    """Composes reports to the senders of messages (RFC 3461, RFC 3464)."""

    def compose(
        envelope: Envelope, content: Content, identity: str, outcomes: Sequence[Outcome]
    ) -> Awaitable[OwnMessage | None]:
        """Return one report of those outcomes that the sender wants reported: failures, deliveries,
        relays, expansions, delays. It is completed, and the caller hands it over.

        None where there is nothing to report, as always for `<>`. Raises OSError where the report
        cannot be composed now.
        """

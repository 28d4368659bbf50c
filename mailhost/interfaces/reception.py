"""Taking mail: the questions of an SMTP or LMTP session, and the handover of its messages."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Attribute, Interface

from mailhost.interfaces.accounts import KnownAccounts
from mailhost.interfaces.answer import Answer
from mailhost.interfaces.extensions import Extensions
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.prepared import Prepared
from mailhost.message.status import Status


class IReception(Interface):
    """Answers an SMTP or LMTP session's questions: may this client in, and what may it send?"""

    def connected(client: Client) -> Answer[Status | None]:
        """None lets the client speak. A Status is its greeting and its farewell (RFC 5321 §3.1)."""

    def hello(client: Client) -> Answer[Extensions | Status | None]:
        """The client gave its name (`client.hello`). None accepts it, and so do Extensions, which
        say what it may ask for; a Status refuses."""

    def transaction(client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        """MAIL FROM. `envelope` has no recipients yet. A Status refuses the sender."""

    def disconnected() -> None:
        """The connection is gone, its transaction abandoned. Nothing is called after it."""


class ITransaction(Interface):
    """One message on its way in: recipients, then content, then end; or abandon at any time.

    Exactly one of `end` and `abandon` is called, once.
    """

    identity: str = Attribute("What the message is called in the log.")
    opened: Status | None = Attribute("The answer to MAIL, None for the usual one.")

    def coming(paths: Sequence[ForwardPath]) -> None:
        """The client has sent RCPT TO for these already: `recipient` will be called for each, in
        this order, with nothing else in between. Whoever has to ask elsewhere may do so at once."""

    def recipient(path: ForwardPath) -> Answer[Status]:
        """RCPT TO. 2xx adds the recipient. Called again only after the answer."""

    def begin() -> Answer[ICollector | Status]:
        """Content is about to come, and goes into what is returned. A Status refuses, and content
        is not sent (DATA) or thrown away (BDAT)."""

    def end(content: Content) -> Answer[Sequence[Status]]:
        """The content is whole. Returns one Status; for LMTP one for each accepted recipient, in
        their order. 2xx means that the message is safe, whatever happens next."""

    def abandon() -> None:
        """Forget it: RSET, a lost connection, a refusal."""


class IFilterable(ITransaction):
    """A transaction whose end has three steps, so that filters can be asked after the first.

    `end` does all. After `prepare`, one of `hand_on` and `abandon` must follow.
    """

    def prepare(content: Content) -> Answer[Prepared | Status]:
        """The content is whole. Return the completed message, or the refusal by the rules."""

    def leave(message: Prepared) -> Answer[Prepared | Status]:
        """Filters are done. Take what `prepare` returned, its content perhaps edited, and return
        the message as it leaves: to be handed on, or to be held and released later. A Status
        refuses the message."""

    def hand_on(message: Prepared) -> Answer[Sequence[Status]]:
        """Take what `leave` returned, and answer as `end` does."""


class ICollector(Interface):
    """Takes the content of one message while it arrives."""

    def write(chunk: bytes) -> Answer[None]:
        """The next octets, dots unstuffed. No more are read before the answer.

        Never raises for a full disk: `finish` tells that.
        """

    def finish() -> Answer[Content | Status]:
        """All is there. Returns the content, or the refusal where it could not be kept."""


class IHandover(Interface):
    """Where responsibility is taken: content and envelope go to every destination, safely."""

    def take(
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Awaitable[Sequence[Status]]:
        """Deliver or queue for each of `envelope.recipients`, and return a Status for each.

        2xx: safe, in a mailbox or in the queue, folder entry synced. 4xx, 5xx: not taken for this
        recipient. `identity` names the message in the log. Never raises.

        `known` are accounts that were found when the recipients were accepted. They are not looked
        up again if the directory has not changed since.
        """

    def take_or_queue(
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Awaitable[Status]:
        """As `take` for protocols with one answer: a recipient that cannot be served for now waits
        in the queue. 4xx only where nothing was taken for anybody, or where the disk filled up
        while it was: then twice is better than never."""


class IQuarantine(Interface):
    """Keeps messages that a filter quarantined."""

    def hold(envelope: Envelope, content: Content, identity: str, reason: str) -> Awaitable[Status]:
        """Keep the message for all destinations of its recipients, until an operator releases it
        for delivery. 250 once it is safe, 4xx where it could not be kept. Never raises."""

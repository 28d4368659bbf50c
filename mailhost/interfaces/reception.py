"""Receiving mail: the decisions about commands of an SMTP or LMTP session, and the handover of
messages."""

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
    """Decides for an SMTP or LMTP session whether a client may connect, and which mail it may
    send."""

    def connected(client: Client) -> Answer[Status | None]:
        """The client connected. Return None to accept the client. A Status is sent as the greeting,
        and the connection is closed (RFC 5321 §3.1)."""

    def hello(client: Client) -> Answer[Extensions | Status | None]:
        """The client sent EHLO, HELO or LHLO with the name `client.hello`. Return None or
        Extensions to accept it; Extensions are the extensions and limits to offer. A Status
        refuses."""

    def transaction(client: Client, envelope: Envelope) -> Answer[ITransaction | Status]:
        """The client sent MAIL FROM.

        `envelope` has no recipients yet. A Status refuses the sender.
        """

    def disconnected() -> None:
        """The connection has ended, and its transaction is abandoned. No method is called after
        this."""


class ITransaction(Interface):
    """One message that is being received: recipients, then the content, then `end`; or `abandon` at
    any time.

    Exactly one of `end` and `abandon` is called, once.
    """

    identity: str = Attribute("The name of the message in the log.")
    opened: Status | None = Attribute("The reply to MAIL, None for the usual reply.")

    def coming(paths: Sequence[ForwardPath]) -> None:
        """The client has sent RCPT TO for these already: `recipient` will be called for each, in
        this order, and no other method in between. A transaction that asks another server may send
        its questions now."""

    def recipient(path: ForwardPath) -> Answer[Status]:
        """The client sent RCPT TO. A 2xx adds the recipient. Called again only after the answer."""

    def begin() -> Answer[ICollector | Status]:
        """The client is about to send the content. Return the collector for it. A Status refuses:
        then the client sends no content (DATA), or the content is discarded (BDAT)."""

    def end(content: Content) -> Answer[Sequence[Status]]:
        """The content is complete. Return one Status, or for LMTP one for each accepted recipient,
        in their order. 2xx means that the message is safe, whatever happens next."""

    def abandon() -> None:
        """End the transaction without a message: after RSET, a lost connection, or a refusal."""


class IFilterable(ITransaction):
    """A transaction whose `end` has three steps, so that filters can be asked between them.

    `end` does all three steps. After `prepare`, one of `hand_on` and `abandon` must be called.
    """

    def prepare(content: Content) -> Answer[Prepared | Status]:
        """The content is complete. Check it by the rules, and return the completed message, or the
        refusal."""

    def leave(message: Prepared) -> Answer[Prepared | Status]:
        """All filters were asked. Take the message that `prepare` returned, which filters may have
        edited, and return it as it is to be sent: it is handed on, or quarantined and released
        later. A Status refuses the message."""

    def hand_on(message: Prepared) -> Answer[Sequence[Status]]:
        """Take the message that `leave` returned, hand it over, and return the answer of `end`."""


class ICollector(Interface):
    """Stores the content of one message while it arrives."""

    def write(chunk: bytes) -> Answer[None]:
        """Take the next octets, after dot-unstuffing. No more octets are read before the answer.

        Does not raise if the disk is full: `finish` returns that.
        """

    def finish() -> Answer[Content | Status]:
        """The content is complete. Return it, or the refusal if it could not be stored."""


class IHandover(Interface):
    """Takes responsibility for a message: delivers it or queues it for every destination."""

    def take(
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Awaitable[Sequence[Status]]:
        """Deliver or queue for each of `envelope.recipients`, and return a Status for each.

        2xx: the message for this recipient is synced in a mailbox or in the queue, with its folder.
        4xx, 5xx: it was not taken for this recipient. `identity` names the message in the log.
        Never raises.

        `known` are accounts that were found when the recipients were accepted. They are not looked
        up again if the directory has not changed since.
        """

    def take_or_queue(
        envelope: Envelope,
        content: Content,
        identity: str,
        known: KnownAccounts | None = None,
    ) -> Awaitable[Status]:
        """Take a message as `take` does, for protocols with one answer for all recipients.
        Recipients that cannot be served now wait in the queue.

        The answer is 4xx only if the message was taken for no recipient, or if the disk filled up
        meanwhile: then the client sends the message again, and some recipients may get it twice.
        """


class IQuarantine(Interface):
    """Keeps messages that a filter quarantined."""

    def hold(envelope: Envelope, content: Content, identity: str, reason: str) -> Awaitable[Status]:
        """Keep the message for all destinations of its recipients, until an operator releases it.
        Returns 250 once it is safe, or 4xx if it could not be kept. Never raises."""

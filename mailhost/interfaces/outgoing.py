"""The last steps for mail that is sent in the name of this host or of one of its users."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from zope.interface import Interface

from mailhost.interfaces.answer import Answer
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.message.status import Status


@dataclass(frozen=True, slots=True)
class OutgoingMessage:
    """A message in our name: submitted by a user who logged in, or written by this host.

    `relayed` is for a message of a client in a listed network, which may be in the name of others:
    no field is added to it but a signature, where its author's domain signs here.

    `author` is responsible for the message, and becomes its From field if it has none. `identity`
    names the message in the log. If `IOutgoing.missing` was called before, `completed` is the
    content with the fields that it returned, else None.
    """

    envelope: Envelope
    content: Content
    author: Address
    identity: str
    completed: Content | None = None
    relayed: bool = False


@dataclass(frozen=True, slots=True)
class OwnMessage:
    """A message that this host wrote: a bounce, another report, later a vacation reply.

    `identity` names it in the log, `about` names the message that is the reason for it. `to` and
    `kind` ("bounce") are for the log too.
    """

    to: Address
    envelope: Envelope
    content: Content
    identity: str
    kind: str
    about: str


class IOutgoing(Interface):
    """The steps that every message in our name passes before it is handed over: submitted mail,
    bounces and other reports, and mail of clients in listed networks. Incoming and forwarded mail
    does not pass them, since its authors are on other hosts."""

    def missing(header: bytes, author: Address, identity: str) -> bytes:
        """Return the fields that a message with this header section lacks, to be put on top of it
        (RFC 6409 §8). Asked before filters, so that filters see a complete message."""

    def leave(message: OutgoingMessage) -> Answer[Content | Status]:
        """Return the content that is sent, made from `message` after all filters. A Status refuses
        the message, with 4xx if a later attempt may succeed. Called once, directly before the
        handover."""


class IOutgoingStep(Interface):
    """One of the steps of `IOutgoing.leave`."""

    def apply(message: OutgoingMessage) -> Answer[Content | Status]:
        """Return the content for the next step, or a refusal of the message."""


class IForwarding(Interface):
    """The seal of a message of others that an alias sends on to another host."""

    def seal(content: Content, domains: Collection[str]) -> Answer[Content]:
        """Return the message for recipients in these domains, with a seal of ARC if the settings
        say so, and otherwise as it is. Raises nothing."""

"""The values that filters use: a filter gets a Mail, and returns a Verdict.

A Mail is immutable: a filter that edits returns another Mail, made from the one that it got.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from mailhost.interfaces.authentication import Authentication
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.status import Status

NOTHING = Content(())
NO_ENVELOPE = Envelope(None)


class Stage(IntEnum):
    """The stages of an SMTP session at which filters are asked, in their order."""

    CONNECTED = 1
    HELLO = 2
    SENDER = 3
    RECIPIENT = 4
    MESSAGE = 5


@dataclass(frozen=True, slots=True)
class Mail:
    """The mail as far as it is known at a stage.

    From SENDER on `envelope` has the reverse-path; at RECIPIENT, `recipient` is the recipient to
    decide on; at MESSAGE the envelope has all recipients that were accepted, and `content` is the
    whole message without our Received field, which is in `received` and is put on top when all
    filters have been asked. `identity` names the message in the log. `tags` were left by the
    filters that were asked before. `authentication` has the results of sender authentication,
    None where the message was not examined (yet).
    """

    stage: Stage
    client: Client
    envelope: Envelope = NO_ENVELOPE
    recipient: ForwardPath | None = None
    content: Content = NOTHING
    identity: str = ""
    tags: frozenset[str] = frozenset()
    received: bytes = b""
    authentication: Authentication | None = None

    def containing(self, content: Content) -> Mail:
        """Return a copy with other content."""
        return self if content is self.content else replace(self, content=content)

    def within(self, envelope: Envelope) -> Mail:
        """Return a copy with another envelope."""
        return replace(self, envelope=envelope)

    def sent_by(self, reverse_path: Address | None) -> Mail:
        """Return a copy with another sender."""
        return replace(self, envelope=replace(self.envelope, reverse_path=reverse_path))

    def sent_to(self, *recipients: ForwardPath) -> Mail:
        """Return a copy for other recipients."""
        return replace(self, envelope=self.envelope.to(recipients))


class Decision(StrEnum):
    """The decision of a filter on a mail."""

    PASS = "pass"
    TAG = "tag"
    COPY = "copy"
    EDIT = "edit"
    JUNK = "junk"
    QUARANTINE = "quarantine"
    DISCARD = "discard"
    DEFER = "defer"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Facts:
    """The findings of a filter about a mail, as an edited mail and tags. Unlike the decision of
    the filter, facts have their effect in the mode "observe" too."""

    mail: Mail
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a filter, and its reason. `reason` is for the log. A refusal has its reply in
    `status`. An edit has the edited mail in `mail`, and so may a quarantine. `tag` is the tag to
    leave. A message is junk by a field in its header section, which `facts` has."""

    decision: Decision
    reason: str = ""
    status: Status | None = None
    mail: Mail | None = None
    tag: str = ""
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one filter at one stage. `observed`: it was only logged, since the filter has
    the mode "observe"."""

    filter: str
    stage: Stage
    decision: Decision
    reason: str
    observed: bool = False


PASS = Verdict(Decision.PASS)


def tag(word: str, reason: str) -> Verdict:
    """Let the mail continue, and leave the tag `word` for the filters after this one."""
    return Verdict(Decision.TAG, reason, tag=word)


def edit(mail: Mail, reason: str) -> Verdict:
    """Let the mail continue as `mail`, an edited copy."""
    return Verdict(Decision.EDIT, reason, mail=mail)


def quarantine(reason: str) -> Verdict:
    """Accept the message, and keep it in the queue until an operator releases or removes it."""
    return Verdict(Decision.QUARANTINE, reason)


def discard(reason: str) -> Verdict:
    """Accept the message (at RECIPIENT: the recipient) and delete it."""
    return Verdict(Decision.DISCARD, reason)


def reject(text: str, reason: str = "", code: int = 550, enhanced: str = "5.7.1") -> Verdict:
    """Refuse permanently. `text` is the reply to the client; the log has `reason` too."""
    return Verdict(Decision.REJECT, reason or text, Status(code, enhanced, text))


def defer(text: str, reason: str = "", code: int = 451, enhanced: str = "4.7.1") -> Verdict:
    """Refuse temporarily: the client should try again. `text` is the reply to the client; the log
    has `reason` too."""
    return Verdict(Decision.DEFER, reason or text, Status(code, enhanced, text))

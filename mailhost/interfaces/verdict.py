"""The values of filters: a filter is shown a Mail, and returns a Verdict.

Mails are values: a filter that edits gives back another Mail, made of the one it was shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum

from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.status import Status

NOTHING = Content(())
NO_ENVELOPE = Envelope(None)


class Stage(IntEnum):
    """How far a client has come, in SMTP's order."""

    CONNECTED = 1
    HELLO = 2
    SENDER = 3
    RECIPIENT = 4
    MESSAGE = 5


@dataclass(frozen=True, slots=True)
class Mail:
    """As much as is known at a stage.

    From SENDER on `envelope` has the reverse-path; `recipient` is the one in question at
    RECIPIENT; at MESSAGE the envelope has all recipients that were accepted, and `content` is the
    whole message without our Received field, which is in `received` and is put on top when all
    filters have been asked. `identity` names the message in the log. `tags` were left by filters
    before.
    """

    stage: Stage
    client: Client
    envelope: Envelope = NO_ENVELOPE
    recipient: ForwardPath | None = None
    content: Content = NOTHING
    identity: str = ""
    tags: frozenset[str] = frozenset()
    received: bytes = b""

    def containing(self, content: Content) -> Mail:
        """Return a copy with other content."""
        return self if content is self.content else replace(self, content=content)

    def within(self, envelope: Envelope) -> Mail:
        """Return a copy in another envelope."""
        return replace(self, envelope=envelope)

    def sent_by(self, reverse_path: Address | None) -> Mail:
        """Return a copy with another sender."""
        return replace(self, envelope=replace(self.envelope, reverse_path=reverse_path))

    def sent_to(self, *recipients: ForwardPath) -> Mail:
        """Return a copy for other recipients."""
        return replace(self, envelope=self.envelope.to(recipients))


class Decision(StrEnum):
    """The fate of a mail."""

    PASS = "pass"
    TAG = "tag"
    COPY = "copy"
    EDIT = "edit"
    QUARANTINE = "quarantine"
    DISCARD = "discard"
    DEFER = "defer"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer of a filter, and its reason. `reason` is for the log; `status` is the reply of a
    refusal, `mail` what an edit made (a quarantine may have one too), `tag` the word to
    remember."""

    decision: Decision
    reason: str = ""
    status: Status | None = None
    mail: Mail | None = None
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one filter at one stage. `observed`: it was logged, and nothing else."""

    filter: str
    stage: Stage
    decision: Decision
    reason: str
    observed: bool = False


PASS = Verdict(Decision.PASS)


def tag(word: str, reason: str) -> Verdict:
    """Go on, and have the filters after this one know `word`."""
    return Verdict(Decision.TAG, reason, tag=word)


def edit(mail: Mail, reason: str) -> Verdict:
    """Go on with this Mail instead."""
    return Verdict(Decision.EDIT, reason, mail=mail)


def quarantine(reason: str) -> Verdict:
    """Accept the message, and keep it until an operator has looked at it."""
    return Verdict(Decision.QUARANTINE, reason)


def discard(reason: str) -> Verdict:
    """Accept the message (at RECIPIENT: the recipient) and forget it."""
    return Verdict(Decision.DISCARD, reason)


def reject(text: str, reason: str = "", code: int = 550, enhanced: str = "5.7.1") -> Verdict:
    """Refuse for good. The client reads `text`, the log has `reason` as well."""
    return Verdict(Decision.REJECT, reason or text, Status(code, enhanced, text))


def defer(text: str, reason: str = "", code: int = 451, enhanced: str = "4.7.1") -> Verdict:
    """Refuse for now: the client should come again."""
    return Verdict(Decision.DEFER, reason or text, Status(code, enhanced, text))

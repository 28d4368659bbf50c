"""The edits that a filter requests for a message, as values in the order of the requests.

The value of a field includes the space behind the colon. Its folded lines end in CRLF and continue
with a space or a tab, and the lines of a new body end in CRLF, whatever the filter sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.crlf import has_bare
from mailhost.milter import replies
from mailhost.milter.codec import MilterFailed
from mailhost.milter.negotiation import Actions, NegotiatedTerms
from mailhost.milter.replies import Modification

MOST_CHANGED_OCTETS = 32 << 20  # in one message by one filter
OCTETS_PER_CHANGE = 100  # added to the size of each change, against many small ones
_NAME = re.compile(rb"[!-9;-~]+")  # RFC 5322 §2.2
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class AddField:
    """Add a field behind all others."""

    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class InsertField:
    """Insert a field before the one at `index` (from 0), or behind all if there are fewer."""

    index: int
    name: bytes
    value: bytes


@dataclass(frozen=True, slots=True)
class ChangeField:
    """Change the value of field `index` of those with this name, counted from 1. The field is added
    if there are fewer, and removed if `value` is None."""

    index: int
    name: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class ReplaceBody:
    """Replace the body."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class ChangeSender:
    """Change the reverse-path, None for `<>`. `parameters` as in MAIL FROM, in one string."""

    sender: Address | None
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class AddRecipient:
    """Add a recipient. `parameters` as in RCPT TO, in one string."""

    recipient: Address
    parameters: str = ""


@dataclass(frozen=True, slots=True)
class RemoveRecipient:
    """Remove a recipient."""

    recipient: Address


Edit: TypeAlias = (
    AddField
    | InsertField
    | ChangeField
    | ReplaceBody
    | ChangeSender
    | AddRecipient
    | RemoveRecipient
)


@dataclass(frozen=True, slots=True)
class Edits:
    """All edits of a filter, in order. `quarantine` is the reason to hold the message in the queue,
    None if the message is not to be held."""

    changes: tuple[Edit, ...] = ()
    quarantine: str | None = None

    def __bool__(self) -> bool:
        return bool(self.changes) or self.quarantine is not None


NO_EDITS = Edits()
_NEEDS: Mapping[type[Modification], Actions] = {
    replies.AddHeader: Actions.ADD_FIELDS,
    replies.InsHeader: Actions.ADD_FIELDS,
    replies.ChgHeader: Actions.CHANGE_FIELDS,
    replies.ReplBody: Actions.REPLACE_BODY,
    replies.ChgFrom: Actions.CHANGE_SENDER,
    replies.AddRcpt: Actions.ADD_RECIPIENTS | Actions.ADD_RECIPIENTS_WITH_PARAMETERS,
    replies.DelRcpt: Actions.REMOVE_RECIPIENTS,
    replies.Quarantine: Actions.QUARANTINE,
}


class EditCollector:
    """Collects a filter's modifications of one message.

    `offered` are the permitted actions. As in Sendmail, a filter may use an offered action that it
    did not ask for in the negotiation. `most_octets` limits the size of all modifications.
    """

    def __init__(
        self, terms: NegotiatedTerms, offered: Actions, most_octets: int = MOST_CHANGED_OCTETS
    ) -> None:
        self._terms = terms
        self._offered = offered
        self._left = most_octets
        self._changes: list[Edit] = []
        self._body: list[bytes] = []
        self._body_at: int | None = None
        self._quarantine: str | None = None

    def add(self, modification: Modification) -> None:
        """Take a modification. Raises MilterFailed if it is not permitted, invalid or too large."""
        if not self._offered & _NEEDS[type(modification)]:
            raise MilterFailed(f"the filter may not do this: {str(modification)[:200]}")
        self._left -= len(modification.packet().data) + OCTETS_PER_CHANGE
        if self._left < 0:
            raise MilterFailed("the filter changes too much")
        if isinstance(modification, replies.ReplBody):
            self._body_at = len(self._changes) if self._body_at is None else self._body_at
            self._body.append(modification.octets)
        elif isinstance(modification, replies.Quarantine):
            self._quarantine = modification.reason
        else:
            self._changes.append(self._edit(modification))

    def finish(self) -> Edits:
        """Return the edits."""
        changes = list(self._changes)
        if self._body_at is not None:
            changes.insert(self._body_at, ReplaceBody(_body(b"".join(self._body))))
        return Edits(tuple(changes), self._quarantine)

    def _edit(self, modification: Modification) -> Edit:
        match modification:
            case replies.AddHeader(name, value):
                return AddField(_name(name), self._value(value))
            case replies.InsHeader(index, name, value):
                return InsertField(index, _name(name), self._value(value))
            case replies.ChgHeader(index, name, value):
                # Sendmail and Postfix take 0 for 1
                return ChangeField(
                    max(index, 1), _name(name), self._value(value) if value else None
                )
            case replies.ChgFrom(address, parameters):
                return ChangeSender(_sender(address), parameters)
            case replies.AddRcpt(address, parameters):
                return AddRecipient(_address(address), parameters)
            case replies.DelRcpt(address):
                return RemoveRecipient(_address(address))
        raise AssertionError(modification)

    def _value(self, value: bytes) -> bytes:
        """Return the value as it is written into the header. All its lines are continuation lines
        of this field; empty ones are left out, since they would end the header."""
        first, *rest = _LINE_END.split(value)
        lines = [
            line if line[:1] in (b" ", b"\t") else b"\t" + line for line in rest if line.strip()
        ]
        whole = b"\r\n".join([first, *lines])
        return whole if self._terms.leading_space else b" " + whole


def _name(name: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise MilterFailed(f"the filter sent an invalid field name: {name[:100]!r}")
    return name


def _body(octets: bytes) -> bytes:
    """Return the body with CRLF at the end of each line. Some filters send LF."""
    if has_bare(octets):
        octets = _LINE_END.sub(b"\r\n", octets)
    return octets if not octets or octets.endswith(b"\r\n") else octets + b"\r\n"


def _address(text: str) -> Address:
    text = text.strip().removeprefix("<").removesuffix(">")
    if text.lower() == "postmaster":  # RFC 5321 §4.1.1.3
        return Address(text, "")
    try:
        return parse_address(text, lenient=True)
    except BadAddress as error:
        raise MilterFailed(f"the filter sent an invalid address: {error}") from error


def _sender(text: str) -> Address | None:
    return None if text.strip() in ("", "<>") else _address(text)

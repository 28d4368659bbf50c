"""The states of an SMTP session, and the table of transitions between them.

A command that the row of a state does not have is answered 503. A session enters the state on the
right if the command succeeds; DATA and BDAT LAST lead to READY whatever their reply is (RFC 5321
§4.1.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from mailhost.message.status import Status

NO_RECIPIENTS = Status(554, "5.5.1", "No valid recipients")


class SMTPState(Enum):
    """The state of a session."""

    GREETED = auto()  # no HELO, EHLO or LHLO yet
    READY = auto()  # no transaction
    SENDER = auto()  # MAIL was accepted
    RECIPIENTS = auto()  # at least one RCPT was accepted
    CHUNKS = auto()  # at least one BDAT came, none of them the last

    __hash__ = object.__hash__  # three times faster than Enum's own, and used twice by each command


_ANYWHERE = (b"NOOP", b"HELP", b"VRFY", b"QUIT")
_HELLOS = (b"HELO", b"EHLO", b"LHLO")


def _row(state: SMTPState, after_reset: SMTPState, **moves: SMTPState) -> dict[bytes, SMTPState]:
    row = dict.fromkeys(_ANYWHERE, state) | dict.fromkeys(_HELLOS, SMTPState.READY)
    row[b"RSET"] = after_reset
    return row | {verb.encode(): target for verb, target in moves.items()}


NEXT_STATE: Mapping[SMTPState, Mapping[bytes, SMTPState]] = {
    SMTPState.GREETED: _row(SMTPState.GREETED, SMTPState.GREETED),
    SMTPState.READY: _row(
        SMTPState.READY,
        SMTPState.READY,
        MAIL=SMTPState.SENDER,
        AUTH=SMTPState.READY,
        STARTTLS=SMTPState.GREETED,
    ),
    SMTPState.SENDER: _row(SMTPState.SENDER, SMTPState.READY, RCPT=SMTPState.RECIPIENTS),
    SMTPState.RECIPIENTS: _row(
        SMTPState.RECIPIENTS,
        SMTPState.READY,
        RCPT=SMTPState.RECIPIENTS,
        DATA=SMTPState.READY,
        BDAT=SMTPState.CHUNKS,
    ),
    SMTPState.CHUNKS: _row(SMTPState.CHUNKS, SMTPState.READY, BDAT=SMTPState.CHUNKS),
}

# Commands that belong to no transaction: their number between two messages is limited
IDLE_COMMANDS = frozenset((*_HELLOS, b"NOOP", b"HELP", b"VRFY", b"RSET"))


def why_not_now(verb: bytes, state: SMTPState, lmtp: bool) -> Status:
    """Return the refusal of a command that the row of `state` does not have."""
    text = "Wrong order of commands"
    if state is SMTPState.GREETED:
        text = "Say LHLO first" if lmtp else "Say EHLO first"
    elif verb in (b"DATA", b"BDAT") and state is SMTPState.SENDER:
        if not lmtp:
            return NO_RECIPIENTS
        text = NO_RECIPIENTS.text  # with 503: RFC 2033 §4.2
    elif verb in (b"RCPT", b"DATA", b"BDAT") and state is SMTPState.READY:
        text = "Say MAIL FROM first"
    return Status(503, "5.5.1", text)

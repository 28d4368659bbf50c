"""The states of an SMTP session, and which command leads from which to which.

A command that is missing in a state is answered 503 there. The state on the right is taken when
the command succeeds; DATA and BDAT LAST end in READY whatever their reply (RFC 5321 §4.1.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto

from mailhost.message.status import Status

NO_RECIPIENTS = Status(554, "5.5.1", "No valid recipients")


class State(Enum):
    """Where a session is."""

    GREETED = auto()  # no HELO, EHLO or LHLO yet
    READY = auto()  # no transaction
    SENDER = auto()  # MAIL was accepted
    RECIPIENTS = auto()  # at least one RCPT was accepted
    CHUNKS = auto()  # at least one BDAT came, none of them the last

    __hash__ = object.__hash__  # Enum's own takes thrice the time, and each command asks twice


_ANYWHERE = (b"NOOP", b"HELP", b"VRFY", b"QUIT")
_HELLOS = (b"HELO", b"EHLO", b"LHLO")


def _row(state: State, after_reset: State, **moves: State) -> dict[bytes, State]:
    row = dict.fromkeys(_ANYWHERE, state) | dict.fromkeys(_HELLOS, State.READY)
    row[b"RSET"] = after_reset
    return row | {verb.encode(): target for verb, target in moves.items()}


NEXT: Mapping[State, Mapping[bytes, State]] = {
    State.GREETED: _row(State.GREETED, State.GREETED),
    State.READY: _row(
        State.READY, State.READY, MAIL=State.SENDER, AUTH=State.READY, STARTTLS=State.GREETED
    ),
    State.SENDER: _row(State.SENDER, State.READY, RCPT=State.RECIPIENTS),
    State.RECIPIENTS: _row(
        State.RECIPIENTS,
        State.READY,
        RCPT=State.RECIPIENTS,
        DATA=State.READY,
        BDAT=State.CHUNKS,
    ),
    State.CHUNKS: _row(State.CHUNKS, State.READY, BDAT=State.CHUNKS),
}

# Commands that bring no message nearer: a session may have only so many of them between messages
IDLE = frozenset((*_HELLOS, b"NOOP", b"HELP", b"VRFY", b"RSET"))


def why_not_now(verb: bytes, state: State, lmtp: bool) -> Status:
    """Return the refusal of a command that is missing in a state."""
    text = "Wrong order of commands"
    if state is State.GREETED:
        text = "Say LHLO first" if lmtp else "Say EHLO first"
    elif verb in (b"DATA", b"BDAT") and state is State.SENDER:
        if not lmtp:
            return NO_RECIPIENTS
        text = NO_RECIPIENTS.text  # with 503: RFC 2033 §4.2
    elif verb in (b"RCPT", b"DATA", b"BDAT") and state is State.READY:
        text = "Say MAIL FROM first"
    return Status(503, "5.5.1", text)

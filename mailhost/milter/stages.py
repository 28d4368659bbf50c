"""The stages at which a filter is asked, the flags that omit a stage or its answer, and the order.

`ProtocolFlags` are the flags (SMFIP_*) that filter and server negotiate.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntFlag, auto


class ProtocolFlags(IntFlag):
    """Flags for the commands that a filter does not want (NO_), the commands that it will not
    answer (SILENT_), and other options."""

    NO_CONNECT = 1 << 0
    NO_HELO = 1 << 1
    NO_MAIL = 1 << 2
    NO_RCPT = 1 << 3
    NO_BODY = 1 << 4
    NO_HEADER = 1 << 5
    NO_END_OF_HEADER = 1 << 6
    SILENT_HEADER = 1 << 7
    NO_UNKNOWN = 1 << 8
    NO_DATA = 1 << 9
    SKIP = 1 << 10  # the filter may answer SKIP
    REFUSED_RECIPIENTS = 1 << 11  # the filter wants to be asked about refused recipients too
    SILENT_CONNECT = 1 << 12
    SILENT_HELO = 1 << 13
    SILENT_MAIL = 1 << 14
    SILENT_RCPT = 1 << 15
    SILENT_DATA = 1 << 16
    SILENT_UNKNOWN = 1 << 17
    SILENT_END_OF_HEADER = 1 << 18
    SILENT_BODY = 1 << 19
    LEADING_SPACE = 1 << 20  # values of fields include the space behind the colon


NO_FLAGS = ProtocolFlags(0)


@dataclass(frozen=True, slots=True)
class MilterStage:
    """One kind of question. `letter` is that of the command; `macros` is the number of its list of
    macros (SMFIM_*), None if there is none; `since` is the first protocol version that has it."""

    letter: bytes
    text: str
    unwanted: ProtocolFlags = NO_FLAGS
    silent: ProtocolFlags = NO_FLAGS
    macros: int | None = None
    since: int = 2


NEGOTIATION = MilterStage(b"O", "the offer")
CONNECT = MilterStage(b"C", "CONNECT", ProtocolFlags.NO_CONNECT, ProtocolFlags.SILENT_CONNECT, 0)
HELO = MilterStage(b"H", "HELO", ProtocolFlags.NO_HELO, ProtocolFlags.SILENT_HELO, 1)
MAIL = MilterStage(b"M", "MAIL", ProtocolFlags.NO_MAIL, ProtocolFlags.SILENT_MAIL, 2)
RCPT = MilterStage(b"R", "RCPT", ProtocolFlags.NO_RCPT, ProtocolFlags.SILENT_RCPT, 3)
DATA = MilterStage(b"T", "DATA", ProtocolFlags.NO_DATA, ProtocolFlags.SILENT_DATA, 4, since=4)
HEADER = MilterStage(b"L", "a header field", ProtocolFlags.NO_HEADER, ProtocolFlags.SILENT_HEADER)
END_OF_HEADER = MilterStage(
    b"N",
    "the end of the header",
    ProtocolFlags.NO_END_OF_HEADER,
    ProtocolFlags.SILENT_END_OF_HEADER,
    6,
)
BODY = MilterStage(b"B", "the body", ProtocolFlags.NO_BODY, ProtocolFlags.SILENT_BODY)
END_OF_BODY = MilterStage(b"E", "the end of the message", macros=5)

STAGES = (
    *(NEGOTIATION, CONNECT, HELO, MAIL, RCPT, DATA),
    *(HEADER, END_OF_HEADER, BODY, END_OF_BODY),
)
BY_LETTER: Mapping[bytes, MilterStage] = {stage.letter: stage for stage in STAGES}


class MilterState(Enum):
    """The state of a session with a filter."""

    AGREED = auto()  # options are negotiated, no client yet
    IDLE = auto()  # a client, no message
    SENDER = auto()
    RECIPIENTS = auto()
    FIELDS = auto()
    BODY = auto()


IN_MESSAGE = (MilterState.SENDER, MilterState.RECIPIENTS, MilterState.FIELDS, MilterState.BODY)
_ANY_TIME = (MilterState.IDLE, *IN_MESSAGE)

# The states in which a stage is permitted, and the state that it leads to; None is the same state.
# libmilter does not answer a command out of order, so the session would wait for ever.
MOVES: Mapping[MilterStage, tuple[tuple[MilterState, ...], MilterState | None]] = {
    CONNECT: ((MilterState.AGREED,), MilterState.IDLE),
    HELO: (_ANY_TIME, MilterState.IDLE),
    MAIL: (_ANY_TIME, MilterState.SENDER),
    RCPT: ((MilterState.SENDER, MilterState.RECIPIENTS), MilterState.RECIPIENTS),
    DATA: ((MilterState.RECIPIENTS,), MilterState.FIELDS),
    HEADER: ((MilterState.FIELDS,), None),
    END_OF_HEADER: ((MilterState.FIELDS,), MilterState.BODY),
    BODY: ((MilterState.BODY,), None),
    END_OF_BODY: ((MilterState.BODY,), MilterState.IDLE),
}

"""The stages of a filter's work: what is sent, which side may leave it out, and what comes after
it.

One table for each. `Wishes` are the protocol flags (SMFIP_*) that filter and server agree on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntFlag, auto


class Wishes(IntFlag):
    """The commands that a filter does not want, what it will not answer, what else it asks for."""

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
    SKIP = 1 << 10  # it may answer that it has seen enough of one kind
    REFUSED_RECIPIENTS = 1 << 11  # it wants to hear of those too
    SILENT_CONNECT = 1 << 12
    SILENT_HELO = 1 << 13
    SILENT_MAIL = 1 << 14
    SILENT_RCPT = 1 << 15
    SILENT_DATA = 1 << 16
    SILENT_UNKNOWN = 1 << 17
    SILENT_END_OF_HEADER = 1 << 18
    SILENT_BODY = 1 << 19
    LEADING_SPACE = 1 << 20  # fields come and go with the space behind the colon


NOTHING = Wishes(0)


@dataclass(frozen=True, slots=True)
class MilterStage:
    """One kind of question. `letter` is the command's; `macros` numbers the list of macros that
    goes before it (SMFIM_*), None where none does; `since` is the protocol's version."""

    letter: bytes
    text: str
    unwanted: Wishes = NOTHING
    silent: Wishes = NOTHING
    macros: int | None = None
    since: int = 2


NEGOTIATION = MilterStage(b"O", "the offer")
CONNECT = MilterStage(b"C", "CONNECT", Wishes.NO_CONNECT, Wishes.SILENT_CONNECT, 0)
HELO = MilterStage(b"H", "HELO", Wishes.NO_HELO, Wishes.SILENT_HELO, 1)
MAIL = MilterStage(b"M", "MAIL", Wishes.NO_MAIL, Wishes.SILENT_MAIL, 2)
RCPT = MilterStage(b"R", "RCPT", Wishes.NO_RCPT, Wishes.SILENT_RCPT, 3)
DATA = MilterStage(b"T", "DATA", Wishes.NO_DATA, Wishes.SILENT_DATA, 4, since=4)
HEADER = MilterStage(b"L", "a header field", Wishes.NO_HEADER, Wishes.SILENT_HEADER)
END_OF_HEADER = MilterStage(
    b"N", "the end of the header", Wishes.NO_END_OF_HEADER, Wishes.SILENT_END_OF_HEADER, 6
)
BODY = MilterStage(b"B", "the body", Wishes.NO_BODY, Wishes.SILENT_BODY)
END_OF_BODY = MilterStage(b"E", "the end of the message", macros=5)

STAGES = (
    *(NEGOTIATION, CONNECT, HELO, MAIL, RCPT, DATA),
    *(HEADER, END_OF_HEADER, BODY, END_OF_BODY),
)
BY_LETTER: Mapping[bytes, MilterStage] = {stage.letter: stage for stage in STAGES}


class Place(Enum):
    """Where a session with a filter is."""

    AGREED = auto()  # options are negotiated, no client yet
    IDLE = auto()  # a client, no message
    SENDER = auto()
    RECIPIENTS = auto()
    FIELDS = auto()
    BODY = auto()


IN_MESSAGE = (Place.SENDER, Place.RECIPIENTS, Place.FIELDS, Place.BODY)
_ANY_TIME = (Place.IDLE, *IN_MESSAGE)

# From where a stage may be reached, and where it leads; None stays. libmilter gives no answer at
# all to what comes out of order, so that we would wait for ever.
MOVES: Mapping[MilterStage, tuple[tuple[Place, ...], Place | None]] = {
    CONNECT: ((Place.AGREED,), Place.IDLE),
    HELO: (_ANY_TIME, Place.IDLE),
    MAIL: (_ANY_TIME, Place.SENDER),
    RCPT: ((Place.SENDER, Place.RECIPIENTS), Place.RECIPIENTS),
    DATA: ((Place.RECIPIENTS,), Place.FIELDS),
    HEADER: ((Place.FIELDS,), None),
    END_OF_HEADER: ((Place.FIELDS,), Place.BODY),
    BODY: ((Place.BODY,), None),
    END_OF_BODY: ((Place.BODY,), Place.IDLE),
}

"""What every `[[filter]]` has, and what several of them share."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class Mode(StrEnum):
    """`observe` logs what would be done, and lets mail pass."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class OnError(StrEnum):
    """What becomes of mail that a filter could not judge."""

    DEFER = "defer"
    PASS = "pass"


class Action(StrEnum):
    """What a filter that found something does about it. `tag` only tells the filters after it."""

    REJECT = "reject"
    DEFER = "defer"
    QUARANTINE = "quarantine"
    DISCARD = "discard"
    TAG = "tag"


class Filter(BaseModel):
    """One filter of the chain. `name` stands in the log and in refusals, empty for the kind.

    `listeners` are protocols of `[[listen]]`; none: all that take mail.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    mode: Mode = Mode.ENFORCE
    on_error: OnError = OnError.DEFER
    listeners: tuple[str, ...] = ()

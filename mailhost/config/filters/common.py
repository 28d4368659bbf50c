"""The settings of every `[[filter]]`, and those of filters that refuse."""

from __future__ import annotations

from enum import StrEnum

from mailhost.config.protocol import ListenProtocol
from mailhost.config.section import MINUTE, Positive, Section


class Mode(StrEnum):
    """`observe` logs what would be done, and lets mail pass."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class OnError(StrEnum):
    """The fate of mail that a filter could not judge."""

    DEFER = "defer"
    PASS = "pass"


class Action(StrEnum):
    """The action of a filter that found something. `tag` only informs the filters after it."""

    REJECT = "reject"
    DEFER = "defer"
    QUARANTINE = "quarantine"
    DISCARD = "discard"
    TAG = "tag"


class LookAt(StrEnum):
    """The part of a mail that is compared with a list."""

    CLIENT = "client"
    HELLO = "hello"
    SENDER = "sender"
    RECIPIENT = "recipient"


class Filter(Section):
    """One filter of the chain. `name` stands in the log and in refusals, empty for the kind.

    `listeners` are protocols of `[[listen]]`; none: all that take mail. It is asked where mail has
    one of the tags in `when`, if any, and none of those in `unless`.
    """

    kind: str
    name: str = ""
    mode: Mode = Mode.ENFORCE
    on_error: OnError = OnError.DEFER
    timeout: Positive = 5 * MINUTE
    listeners: tuple[ListenProtocol, ...] = ()
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()


class Acting(Filter):
    """A filter that does `action` about what it finds. `words` are for the client, empty for the
    filter's own; `tag` is the word that `action = "tag"` leaves."""

    action: Action = Action.REJECT
    words: str = ""
    tag: str = ""

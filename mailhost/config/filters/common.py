"""The settings of every `[[filter]]`, and those of filters that refuse."""

from __future__ import annotations

from enum import StrEnum

from mailhost.config.protocol import ListenProtocol
from mailhost.config.section import MINUTE, Positive, Section


class Mode(StrEnum):
    """The mode of a filter: `observe` only logs the verdict, and lets mail pass."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class OnError(StrEnum):
    """The treatment of mail when a filter has failed."""

    DEFER = "defer"
    PASS = "pass"


class Action(StrEnum):
    """The action on mail that a filter matches. `tag` leaves a tag for the filters after it."""

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
    """One filter of the chain. `name` appears in the log and in refusals; if it is empty, the kind
    appears.

    `listeners` are protocols of `[[listen]]`; without any, the filter works on all listeners that
    take mail. The filter is asked if the mail has one of the tags in `when` (or `when` is empty),
    and none of the tags in `unless`.
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
    """A filter that carries out `action` on mail that it matches. `words` is the text of the reply
    to the client, empty for the filter's own text; `tag` is the tag that `action = "tag"` leaves.
    """

    action: Action = Action.REJECT
    words: str = ""
    tag: str = ""

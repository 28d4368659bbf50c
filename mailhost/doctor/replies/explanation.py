"""The value that the tables of replies are made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Actor(StrEnum):
    """The person who has to act before mail is delivered."""

    NO_ONE = "no one: wait"
    SENDER = "the author of the message"
    US = "the operator of the sending host"
    RECIPIENT = "the recipient"
    THEM = "the operator of the receiving host"


@dataclass(frozen=True, slots=True)
class Explanation:
    """The meaning of a code or of the text of a reply, the person who has to act, and the
    remedy."""

    meaning: str
    actor: Actor
    remedy: str


@dataclass(frozen=True, slots=True)
class KnownReply:
    """A reply that is known by its text. `receiver` is the receiver that sends it. `link` is a page
    of the receiver about it, empty for none."""

    receiver: str
    pattern: re.Pattern[str]
    explanation: Explanation
    link: str = ""


def known_reply(
    receiver: str, pattern: str, meaning: str, actor: Actor, remedy: str, link: str = ""
) -> KnownReply:
    """Return a reply that `pattern` finds in the enhanced code and the text, in any case."""
    compiled = re.compile(pattern, re.IGNORECASE | re.DOTALL)
    return KnownReply(receiver, compiled, Explanation(meaning, actor, remedy), link)

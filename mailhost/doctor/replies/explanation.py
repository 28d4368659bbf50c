"""The value that the tables of replies are made of."""

from __future__ import annotations

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

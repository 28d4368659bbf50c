"""The keys that search the content of a message, as a tree of values.

A store answers which messages a key matches, by reading them or from an index. Texts are compared
as `search.fold` has them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class When(Enum):
    """How a message's day lies to the day of a key. Times and zones are left out of account."""

    BEFORE = "BEFORE"
    ON = "ON"
    SINCE = "SINCE"  # on it or later

    def holds(self, day: int, wanted: int) -> bool:
        """Whether `day` lies so to `wanted`; both are days since 1970."""
        if self is When.ON:
            return day == wanted
        return day < wanted if self is When.BEFORE else day >= wanted


@dataclass(frozen=True, slots=True)
class FieldContains:
    """A header field `name`, in any case, has `text` in its value; "" for any value."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class TextContains:
    """The body has `text` in it, or with `headers` the header or the body."""

    text: str
    headers: bool


@dataclass(frozen=True, slots=True)
class Sent:
    """The Date field has a day before, on or since `day`, which is in days since 1970. Zones are
    left out of account; a message whose Date cannot be read does not match."""

    when: When
    day: int


@dataclass(frozen=True, slots=True)
class AllOf:
    """All keys match."""

    keys: tuple[ContentKey, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the keys matches."""

    keys: tuple[ContentKey, ...]


@dataclass(frozen=True, slots=True)
class NoneOf:
    """The key does not match."""

    key: ContentKey


ContentKey: TypeAlias = "FieldContains | TextContains | Sent | AllOf | AnyOf | NoneOf"

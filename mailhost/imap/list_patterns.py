"""Matches names of folders against the patterns of LIST (RFC 9051 §6.3.9).

`*` is any text, `%` is any text within one level, and INBOX is the same in any case. All patterns
are matched at once, a character of the name at a time, so that no pattern takes long: a regular
expression would try each way to divide a name among many wildcards.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_ANY, _LEVEL = "*", "%"


class Patterns:
    """`states` is a number with a bit for each place in a pattern that may come next; all patterns
    lie in it one after another, with one more place each for the end."""

    __slots__ = ("_any", "_ends", "_level", "_places", "_starts")

    def __init__(self, patterns: Iterable[str]) -> None:
        self._places: dict[str, int] = {}  # characters, and the places where a pattern has them
        self._any = self._level = self._starts = self._ends = 0
        bit = 1
        for pattern in patterns:
            self._starts |= bit
            for character in _simplified(pattern):
                if character == _ANY:
                    self._any |= bit
                elif character == _LEVEL:
                    self._level |= bit
                else:
                    self._places[character] = self._places.get(character, 0) | bit
                bit <<= 1
            self._ends |= bit
            bit <<= 1

    def match(self, name: str) -> bool:
        """True where one of the patterns matches the whole name."""
        states = self._with_empty_wildcards(self._starts)
        for character in name:
            stay = states & (self._any if character == "/" else self._any | self._level)
            moved = (states & self._places.get(character, 0)) << 1
            states = self._with_empty_wildcards(stay | moved)
            if not states:
                return False
        return bool(states & self._ends)

    def _with_empty_wildcards(self, states: int) -> int:
        return states | (states & (self._any | self._level)) << 1


def _simplified(pattern: str) -> str:
    """Return the pattern with INBOX in capitals, and one wildcard where several stand together."""
    if pattern.upper() == "INBOX" or pattern.upper().startswith("INBOX/"):
        pattern = "INBOX" + pattern[5:]
    return re.sub("%+", "%", re.sub(r"[*%]*\*[*%]*", "*", pattern))

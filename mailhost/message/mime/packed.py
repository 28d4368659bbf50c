"""The files within a file: in ZIP archives, also in archives within archives, and in TNEF.

How much is looked at is bounded: an archive may stand for a million times its size, or contain
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.message.mime import tnef, zipped
from mailhost.message.mime.zipped import Member, inflate, members

MOST_NAMES = 100_000
MOST_INFLATED = 1 << 25  # octets
DEEPEST = 5  # archives in archives
_ARCHIVES = (".zip", ".jar", ".zipx", ".apk", ".xpi", ".war", ".ear", "winmail.dat")
_PEEK = 16  # octets


class TooMuch(Exception):
    """There is more in a message than can be looked at."""


@dataclass(slots=True)
class Budget:
    """How much may be looked at still, in all files of a message."""

    names: int = MOST_NAMES
    octets: int = MOST_INFLATED

    def use_name(self) -> None:
        """Raises TooMuch."""
        self.names -= 1
        if self.names < 0:
            raise TooMuch

    def inflate(self, octets: bytes, start: int) -> bytes:
        """Return the inflated octets. Raises TooMuch."""
        found = inflate(octets, start, self.octets)
        self.octets -= len(found)
        if self.octets <= 0:
            raise TooMuch
        return found


def names_in(octets: bytes, budget: Budget, depth: int = 0) -> Iterator[str]:
    """Yield the names of all files in a file, as often as they stand there; none where it is no
    archive. Raises TooMuch."""
    if tnef.MARK in octets:
        for name in tnef.names_in_tnef(octets):
            budget.use_name()
            yield name
    for member in members(octets):
        budget.use_name()
        yield member.name
        inner = _archive(octets, member, budget)
        if inner and depth >= DEEPEST:
            raise TooMuch
        if inner:
            yield from names_in(inner, budget, depth + 1)


def heads_in(octets: bytes, budget: Budget) -> Iterator[bytes]:
    """Yield the first octets of the files in TNEF: those are attachments too. Raises TooMuch."""
    if tnef.MARK in octets:
        for head in tnef.heads_in_tnef(octets):
            budget.use_name()
            yield head


def _archive(octets: bytes, member: Member, budget: Budget) -> bytes:
    """The octets of a file that is an archive itself, by its name or its first octets; nothing for
    others, and for one that is not compressed: its names are found in the octets around it."""
    is_named = member.name.lower().endswith(_ARCHIVES)
    if is_named and not member.readable:
        raise TooMuch
    if not member.deflated:
        return b""
    head = inflate(octets, member.start, _PEEK)
    if not is_named and not head.startswith((zipped.MARK, tnef.MARK)):
        return b""
    return budget.inflate(octets, member.start)

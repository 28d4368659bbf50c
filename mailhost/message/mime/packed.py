"""Finds the files in a file: in ZIP archives, also in archives in archives, and in TNEF.

A budget bounds the work, since an archive may inflate to a million times its size, or contain
itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.message.mime import tnef, zipped
from mailhost.message.mime.zipped import Member, inflate, members

MOST_NAMES = 100_000  # file names that are read in one message
MOST_INFLATED = 1 << 25  # octets that are inflated for one message
DEEPEST_ARCHIVE = 5  # levels of archives in archives
_ARCHIVES = (".zip", ".jar", ".zipx", ".apk", ".xpi", ".war", ".ear", "winmail.dat")
_INFLATED_HEAD = 16  # octets by which an archive is recognized


class TooMuch(Exception):
    """A message has more files, or larger ones, than can be examined."""


@dataclass(slots=True)
class Budget:
    """The number of names and of inflated octets that may still be read in a message."""

    names: int = MOST_NAMES
    octets: int = MOST_INFLATED

    def use_name(self) -> None:
        """Count one name. Raises TooMuch."""
        self.names -= 1
        if self.names < 0:
            raise TooMuch

    def inflate(self, octets: bytes, start: int) -> bytes:
        """Return the inflated octets of the deflated ones from `start` on. Raises TooMuch."""
        found = inflate(octets, start, self.octets)
        self.octets -= len(found)
        if self.octets <= 0:
            raise TooMuch
        return found


def names_in(octets: bytes, budget: Budget, depth: int = 0) -> Iterator[str]:
    """Yield the names of the files in an archive, as often as the archive has them.

    Nothing is yielded for a file that is no archive. `depth` counts the archives around this one.
    Raises TooMuch.
    """
    if tnef.TNEF_SIGNATURE in octets:
        for name in tnef.names_in_tnef(octets):
            budget.use_name()
            yield name
    for member in members(octets):
        budget.use_name()
        yield member.name
        inner = _archive(octets, member, budget)
        if inner and depth >= DEEPEST_ARCHIVE:
            raise TooMuch
        if inner:
            yield from names_in(inner, budget, depth + 1)


def heads_in(octets: bytes, budget: Budget) -> Iterator[bytes]:
    """Yield the first octets of each file in a TNEF stream, which is an attachment too. Raises
    TooMuch."""
    if tnef.TNEF_SIGNATURE in octets:
        for head in tnef.heads_in_tnef(octets):
            budget.use_name()
            yield head


def _archive(octets: bytes, member: Member, budget: Budget) -> bytes:
    """Return the octets of a member that is an archive itself, by its name or its first octets.

    Empty for another member, and for an archive that is not compressed: the names in that one are
    found in `octets`. Raises TooMuch, also for an archive that cannot be read.
    """
    is_named = member.name.lower().endswith(_ARCHIVES)
    if is_named and not member.readable:
        raise TooMuch
    if not member.deflated:
        return b""
    head = inflate(octets, member.start, _INFLATED_HEAD)
    if not is_named and not head.startswith((zipped.ZIP_SIGNATURE, tnef.TNEF_SIGNATURE)):
        return b""
    return budget.inflate(octets, member.start)

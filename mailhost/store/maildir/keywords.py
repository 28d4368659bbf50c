"""`dovecot-keywords` of a folder: which keyword each of the letters `a` to `z` stands for.

A line is `<number> <keyword>`; the number 0 is `a`. A folder has room for 26 of them. Keywords are
the same in any case (RFC 9051 §2.3.2), and keep the case that they came in. A letter that is in use
without a line is shown as `unknown-<number>`, as Dovecot shows it.

The file is only written by a holder of the lock of `dovecot-uidlist`, and as a whole. Dovecot reads
it again when its time of change is another one, in whole seconds; so that is made to differ.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from string import ascii_lowercase

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.dotlock import Dotlock
from mailhost.store.maildir.flags import FLAGS, letter_of
from mailhost.store.maildir.whole_file import read_file, replace_file

NAME = "dovecot-keywords"
MOST = 26
_UNFIT = frozenset('(){%*"\\] \x7f').union(map(chr, range(32)))


@dataclass(frozen=True)
class Keywords:
    """`names` has the keyword of each letter, None for those that are free."""

    names: tuple[str | None, ...] = (None,) * MOST

    @cached_property
    def letters(self) -> dict[str, str]:
        """The letters by keyword in lower case."""
        pairs = zip(self.names, ascii_lowercase, strict=True)
        return {name.lower(): letter for name, letter in pairs if name is not None}

    def letter(self, flag: str) -> str | None:
        """Return the letter of a system flag or keyword, None where it has none here."""
        return letter_of(flag) or self.letters.get(flag.lower())

    @property
    def shown(self) -> tuple[str, ...]:
        """The keywords by letter as clients see them, empty for a letter without a line."""
        return tuple(
            "" if name is None else name if can_be_keyword(name) else self._unknown(number)
            for number, name in enumerate(self.names)
        )

    def name(self, letter: str) -> str | None:
        """Return the flag or keyword of a letter, None for one that belongs to other programs."""
        if letter in FLAGS:
            return FLAGS[letter]
        number = ascii_lowercase.find(letter)
        if number < 0:
            return None
        return self.shown[number] or self._unknown(number)

    def _unknown(self, number: int) -> str:
        name = f"unknown-{number}"
        while name in self.letters:
            name += "?"
        return name

    def flags(self, letters: str) -> list[str]:
        """Return the flags and keywords that these letters stand for."""
        return [name for letter in letters if (name := self.name(letter)) is not None]

    def with_used(self, letters: Iterable[str]) -> Keywords:
        """Name the letters that file names have without a line here, so that no other keyword gets
        them."""
        names = list(self.names)
        for letter in letters:
            number = ascii_lowercase.find(letter)
            if number >= 0 and names[number] is None:
                names[number] = self._unknown(number)
        return Keywords(tuple(names))

    def with_new(self, names: Iterable[str]) -> tuple[Keywords, list[str]]:
        """Give letters to those keywords that have none. Returns those that found no room too."""
        known, left = self, []
        for name in names:
            if known.letter(name) is not None:
                continue
            if None not in known.names or not can_be_keyword(name):
                left.append(name)
                continue
            number = known.names.index(None)
            known = Keywords((*known.names[:number], name, *known.names[number + 1 :]))
        return known, left

    def text(self) -> str:
        """Return the file."""
        pairs = enumerate(self.names)
        return "".join(f"{number} {name}\n" for number, name in pairs if name is not None)


def can_be_keyword(name: str) -> bool:
    """True for a keyword that a line can hold: an IMAP atom without a backslash (RFC 9051 §9)."""
    return 0 < len(name) <= 250 and name.isascii() and not set(name) & _UNFIT


def parse(octets: bytes) -> Keywords:
    """Return what a file says. Lines that say nothing are left out, also one that repeats a
    keyword."""
    names: list[str | None] = [None] * MOST
    seen: set[str] = set()
    for line in octets.decode("utf-8", "surrogateescape").split("\n"):
        number, _, name = line.removesuffix("\r").partition(" ")
        known = number.isascii() and number.isdigit() and len(number) < 3 and int(number) < MOST
        if not known or not name or name.lower() in seen:
            continue
        old = names[int(number)]
        if old is not None:
            seen.discard(old.lower())
        seen.add(name.lower())
        names[int(number)] = name
    return Keywords(tuple(names))


class KeywordsFile:
    """The file of the folder at `folder`. Everything blocks."""

    def __init__(self, folder: str, system: OperatingSystem) -> None:
        self.path = os.path.join(folder, NAME)
        self._system = system
        self._seen: tuple[int, ...] | None = None
        self._keywords = Keywords()

    def read(self) -> Keywords:
        """Return the keywords; the file is read where it changed. Raises OSError."""
        seen = _change(self.path)
        if seen != self._seen:
            self._keywords = parse(read_file(self.path) or b"")
            self._seen = seen
        return self._keywords

    def add(
        self, lock: Dotlock, names: Iterable[str], used: str = ""
    ) -> tuple[Keywords, list[str]]:
        """Give letters to keywords that have none, durably; `lock` is that of `dovecot-uidlist`.

        `used` are letters that the folder's file names have. Returns the keywords, and those that
        found no room. Raises LockTimeout, OSError.
        """
        old = self.read()
        new, left = old.with_used(used).with_new(names)
        if new != old:
            lock.check()
            before = os.stat(self.path).st_mtime if self._seen else 0.0
            octets = new.text().encode("utf-8", "surrogateescape")
            replace_file(self._system, self.path, f"{self.path}.lock", octets, before)
            new = self.read()
        return new, left


def _change(path: str) -> tuple[int, ...]:
    """Return values that change when a file is replaced; nothing if it is missing."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size

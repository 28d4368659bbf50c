"""`subscriptions` of an account: the folders that its clients want to see, as Dovecot keeps them.

Newer files begin with `V<tab>2` and an empty line, and have a tab between the levels of a name.
Older ones have a name a line, with dots. Both have modified UTF-7. A new file gets the newer form,
others keep theirs. Lines that are no name of a folder are not shown, and stay as they are.

The file is written as a whole under its dotlock. A lock that has not changed for half a minute is
taken for abandoned, as Dovecot does here. Reading takes no lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from mailhost.durable.system import OperatingSystem
from mailhost.message.utf7 import decode_utf7, encode_utf7
from mailhost.store.maildir.dotlock import PATIENCE, Dotlocks
from mailhost.store.maildir.folder_names import can_be_shown, canonical
from mailhost.store.maildir.whole_file import read_file, replace_file

NAME = "subscriptions"
STALE = 30.0  # seconds
_HEADER = "V\t2\n\n"
_ESCAPES = {"\x01": "1", "\0": "0", "\t": "t", "\r": "r", "\n": "n"}  # Dovecot's, after a \x01
_UNESCAPES = {letter: text for text, letter in _ESCAPES.items()}


@dataclass(frozen=True, slots=True)
class Subscriptions:
    """The contents of a file: its lines without their line feeds, and which form it has."""

    lines: tuple[str, ...] = ()
    tabs: bool = True

    def names(self) -> list[str]:
        """Return the names, with `/` between levels; each once, in the order of the file."""
        return list(dict.fromkeys(filter(can_be_shown, map(self._name, self.lines))))

    def _name(self, line: str) -> str:
        levels = map(_unescaped, line.split("\t")) if self.tabs else line.split(".")
        return canonical("/".join(map(_decoded, levels)))

    def _line(self, name: str) -> str:
        levels = [encode_utf7(level).decode("ascii") for level in canonical(name).split("/")]
        return "\t".join(map(_escaped, levels)) if self.tabs else ".".join(levels)

    def changed(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Subscriptions:
        """Return them with some names more or less. Names to add are those that a folder can
        have (`folder_names.directory_of`)."""
        gone = set(map(canonical, remove))
        lines = [line for line in self.lines if self._name(line) not in gone]
        known = set(map(self._name, lines))
        for name in map(canonical, add):
            if name not in known:
                known.add(name)
                lines.append(self._line(name))
        return Subscriptions(tuple(lines), self.tabs)

    def text(self) -> str:
        """Return the file."""
        return (_HEADER if self.tabs else "") + "".join(f"{line}\n" for line in self.lines)


def parse(octets: bytes) -> Subscriptions:
    """Return what a file says. Any octets are a file."""
    text = octets.decode("utf-8", "surrogateescape")
    if not text:
        return Subscriptions()
    tabs = text.startswith(_HEADER)
    lines = text.removeprefix(_HEADER).split("\n") if tabs else text.split("\n")
    if not lines[-1]:
        lines.pop()
    return Subscriptions(tuple(line.removesuffix("\r") for line in lines), tabs)


def _decoded(level: str) -> str:
    try:
        return decode_utf7(level.encode("ascii"))
    except ValueError:
        return level


def _escaped(level: str) -> str:
    return "".join(f"\x01{_ESCAPES[letter]}" if letter in _ESCAPES else letter for letter in level)


def _unescaped(level: str) -> str:
    first, *rest = level.split("\x01")
    return first + "".join(_UNESCAPES.get(part[:1], part[:1]) + part[1:] for part in rest)


class SubscriptionsFile:
    """The file in the account's Maildir at `account`. Everything blocks; for the lock a change
    waits `patience` seconds."""

    def __init__(
        self,
        account: str,
        system: OperatingSystem,
        dotlocks: Dotlocks,
        patience: float = PATIENCE,
    ) -> None:
        self.path = os.path.join(account, NAME)
        self._system = system
        self._dotlocks = dotlocks
        self._patience = patience

    def read(self) -> Subscriptions:
        """Return what the file says, nothing where it is missing. Raises OSError."""
        return parse(read_file(self.path) or b"")

    def change(self, add: Iterable[str] = (), remove: Iterable[str] = ()) -> Subscriptions:
        """Add and remove names, durably, and return what the file says then.

        Raises LockTimeout, OSError.
        """
        with self._dotlocks.take(self.path, self._patience, STALE) as lock:
            old = self.read()
            new = old.changed(add, remove)
            if new != old:
                lock.check()
                octets = new.text().encode("utf-8", "surrogateescape")
                replace_file(self._system, self.path, f"{self.path}.mailhost", octets)
        return new

"""The promises of the host to IMAP clients, and whether they are kept.

A place is a UIDVALIDITY with a UID: it has one message for ever. A message is known by its
identity (`message.make`). Commands without an answer may have been done or not, so a message has a
lowest and a highest number of copies.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import dataclass, field

Place = tuple[str, int, int]  # account, UIDVALIDITY, UID
FLAGS = frozenset(("\\Flagged", "$Label1"))  # those that clients set; a script sets another one


@dataclass
class Promised:
    """`places` are those where a message must be, with the flags that it must have of FLAGS; None
    where a STORE had no answer."""

    places: dict[Place, Set[str] | None] = field(default_factory=dict)
    lowest: int = 0
    highest: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """A message as a client saw it."""

    identity: str
    flags: Set[str]


class ImapLedger:
    """Written by all clients at once. `faults` says what broke a promise."""

    def __init__(self) -> None:
        self.messages: dict[str, Promised] = {}
        self.faults: list[str] = []
        self.answered: Counter[str] = Counter()  # commands that were answered OK
        self.unanswered: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._identities: dict[Place, str] = {}
        self._expunged: set[Place] = set()
        self._modseqs: dict[tuple[str, int], int] = {}

    # --- commands that were answered, or not ------------------------------------------------------

    def added(self, identity: str, place: Place, flags: Set[str] = frozenset()) -> None:
        """A message is in one place more, says an OK."""
        promised = self._message(identity)
        promised.places[place] = flags
        promised.lowest += 1
        promised.highest += 1
        self.saw(place, identity)

    def perhaps_added(self, identity: str) -> None:
        """A message may be in one place more."""
        self._message(identity).highest += 1

    def must_be_there(self, identity: str) -> None:
        """A message that was perhaps added was added."""
        self._message(identity).lowest += 1

    def moved(self, identity: str, before: Place, after: Place) -> None:
        """A message has another place, says an OK."""
        promised = self._message(identity)
        promised.places[after] = promised.places.pop(before)
        self._gone(before)
        self.saw(after, identity)

    def perhaps_moved(self, identity: str, before: Place) -> None:
        """A message is there, or in another place, but not in both."""
        self._message(identity).places.pop(before)

    def expunged(self, identity: str, place: Place) -> None:
        """A message is gone from its place, says an OK."""
        self.perhaps_expunged(identity, place)
        self._message(identity).highest -= 1
        self._gone(place)

    def perhaps_expunged(self, identity: str, place: Place) -> None:
        """A message may be gone."""
        promised = self._message(identity)
        del promised.places[place]
        promised.lowest -= 1

    def flagged(self, identity: str, place: Place, flags: Set[str] | None) -> None:
        """A message has these flags, says an OK; None where nothing says so."""
        self._message(identity).places[place] = flags

    def _message(self, identity: str) -> Promised:
        with self._lock:
            return self.messages.setdefault(identity, Promised())

    def _gone(self, place: Place) -> None:
        with self._lock:
            self._expunged.add(place)

    # --- what clients see -------------------------------------------------------------------------

    def saw(self, place: Place, identity: str) -> None:
        """A place has this message; it has never had another one."""
        with self._lock:
            before = self._identities.setdefault(place, identity)
            if before != identity:
                self.faults.append(f"{place} was {before}, and is {identity}")

    def modseq(self, account: str, uid_validity: int) -> int:
        """Return the highest HIGHESTMODSEQ that was told, before it is asked for again."""
        with self._lock:
            return self._modseqs.get((account, uid_validity), 0)

    def saw_modseq(self, account: str, uid_validity: int, before: int, now: int) -> None:
        """HIGHESTMODSEQ is `now`; it was `before` when the command was sent."""
        with self._lock:
            if now < before:
                self.faults.append(f"{account} {uid_validity}: MODSEQ {now} after {before}")
            key = (account, uid_validity)
            self._modseqs[key] = max(now, self._modseqs.get(key, 0))

    # --- the end ----------------------------------------------------------------------------------

    def check(self, found: Mapping[Place, Seen]) -> list[str]:
        """Return all faults, after all mailboxes were read."""
        for place, seen in found.items():
            self.saw(place, seen.identity)
        copies = Counter(seen.identity for seen in found.values())
        faults = [*self.faults]
        faults += [f"{place} was expunged and is there" for place in self._expunged & found.keys()]
        for identity, promised in self.messages.items():
            count = copies[identity]
            if not promised.lowest <= count <= promised.highest:
                faults.append(
                    f"{identity} {count} times, not {promised.lowest} to {promised.highest}"
                )
            faults += _missing(identity, promised, found)
        faults += [f"{identity} was never sent" for identity in copies.keys() - self.messages]
        return faults


def _missing(identity: str, promised: Promised, found: Mapping[Place, Seen]) -> list[str]:
    faults = []
    for place, flags in promised.places.items():
        seen = found.get(place)
        if seen is None:
            faults.append(f"{identity} is not at {place}")
        elif flags is not None and seen.flags & FLAGS != flags:
            faults.append(f"{identity} at {place} has {set(seen.flags)}, not {set(flags)}")
    return faults

"""Reports of a process to the head about the clients at inner addresses.

The head finds lost addresses by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Names:
    """New domains of the clients at one address: of their names in HELO, and of their senders."""

    hello: tuple[str, ...] = ()
    senders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sightings:
    """The names that a process has seen since its last report, by client address.

    `public` is True if the process has seen a client with a public address since its start.
    """

    names: Mapping[str, Names] = field(default_factory=dict)
    public: bool = False

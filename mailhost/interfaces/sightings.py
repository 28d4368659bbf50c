"""What a process saw of the clients at inner addresses, for the head to find addresses that are
lost."""

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
    """What a process saw since the last time, by addresses. `public` says that it has seen a client
    with a public address since its start."""

    names: Mapping[str, Names] = field(default_factory=dict)
    public: bool = False

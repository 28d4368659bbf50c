"""The names that clients at one inner address used, and the rule by which these names show that the
address is lost.

The rule: clients at one address have names of several organizations in HELO, and send mail of
several domains that are not of this host. A web application, a gateway for incoming mail and an
office have names of one organization; users who log in are not counted at all. Other hosts that
send through this one from behind a NAT look the same as strangers: for these the setting
`doctor.shared_addresses` exists.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailhost.doctor.clients.watch import MOST_NAMES
from mailhost.interfaces.sightings import Names

LEAST_HELLO = 5  # different domains of names in HELO
LEAST_SENDERS = 5  # different domains of senders


@dataclass(slots=True)
class Evidence:
    """Different domains of names in HELO and of senders, in the order in which they came."""

    hello: dict[str, None] = field(default_factory=dict)
    senders: dict[str, None] = field(default_factory=dict)

    def add(self, names: Names) -> None:
        """Add the names that a process has seen."""
        _add(self.hello, names.hello)
        _add(self.senders, names.senders)

    @property
    def lost(self) -> bool:
        """True if clients of different organizations connect from this address."""
        return len(self.hello) >= LEAST_HELLO and len(self.senders) >= LEAST_SENDERS


def _add(known: dict[str, None], names: Iterable[str]) -> None:
    for name in names:
        if len(known) < MOST_NAMES:
            known[name] = None

"""`[doctor]`: what the running host does about what it notices by itself."""

from __future__ import annotations

from mailhost.config.section import Section
from mailhost.config.types import Network, Switch


class Doctor(Section):
    """`[doctor]`. With `stop` nothing is relayed for an address of `relay.networks` from which
    strangers seem to arrive. `shared_addresses` are those from which mail of many hosts rightly
    arrives, so that they are not examined."""

    stop: Switch = False
    shared_addresses: tuple[Network, ...] = ()

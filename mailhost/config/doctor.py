"""`[doctor]`: the checks of `mailhost doctor`, and what the running host notices by itself."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mailhost.config.section import Section
from mailhost.config.types import Count, HostName, Network, Switch


class Doctor(Section):
    """`[doctor]`. With `daily` the checks of this host run once a day, except those that try abuse
    at its listeners, and the admin gets mail about what changed. `port_25_hosts` are mail hosts of
    others. `mailhost doctor` connects to them to find out whether the network lets this host reach
    port 25 of other hosts. `port_offset` is added to the usual ports of other hosts: in a test
    network they are not those below 1024.

    With `stop` nothing is relayed for an address of `relay.networks` from which strangers seem to
    arrive. `shared_addresses` are those from which mail of many hosts rightly arrives, so that they
    are not examined."""

    daily: Switch = False
    port_25_hosts: tuple[HostName, ...] = ()
    port_offset: Annotated[Count, Field(ge=0, le=60_000)] = 0
    stop: Switch = False
    shared_addresses: tuple[Network, ...] = ()

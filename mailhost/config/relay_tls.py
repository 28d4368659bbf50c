"""`[relay.tls]`: the policies of other domains about TLS to their mail hosts."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from mailhost.config.section import DAY, Positive, Section
from mailhost.config.types import Count, Path, Switch


class MemoryRule(StrEnum):
    """The rule for mail to a host that had TLS and has none now. `warn` sends it and logs a
    warning; `enforce` keeps it waiting."""

    OFF = "off"
    WARN = "warn"
    ENFORCE = "enforce"


class RelayTLS(Section):
    """`[relay.tls]`. `mta_sts` and `dane` obey the policies that domains publish in these ways.
    `memory` is about hosts that had TLS within the time `memory_for`.

    The others are for test networks: `mta_sts_port` is where policies are fetched, and `ca_file`
    is a file with a certificate in PEM that replaces the authorities of this machine.
    """

    mta_sts: Switch = True
    dane: Switch = True
    memory: MemoryRule = MemoryRule.WARN
    memory_for: Positive = 30 * DAY
    mta_sts_port: Annotated[Count, Field(ge=1, le=65535)] = 443
    ca_file: Path | None = None

"""`[relay.tls]`: the policies of other domains about TLS to their mail hosts."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from mailhost.config.section import Section
from mailhost.config.types import Count, Path, Switch


class RelayTLS(Section):
    """`[relay.tls]`. `mta_sts` and `dane` obey the policies that domains publish in these ways.

    The others are for test networks: `mta_sts_port` is where policies are fetched, and `authority`
    is a file with a certificate in PEM that replaces the authorities of this machine.
    """

    mta_sts: Switch = True
    dane: Switch = True
    mta_sts_port: Annotated[Count, Field(ge=1, le=65535)] = 443
    authority: Path | None = None

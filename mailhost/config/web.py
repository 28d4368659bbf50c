"""`[web]`: the web listener, by which mail programs set themselves up."""

from __future__ import annotations

from mailhost.config.section import Section
from mailhost.config.types import Network


class Web(Section):
    """`[web]`. The table alone adds the listeners of the web to the default ones. The header fields
    about clients are believed if they come from reverse proxies in `trusted_proxies`."""

    trusted_proxies: tuple[Network, ...] = ()

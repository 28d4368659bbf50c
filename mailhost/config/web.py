"""`[web]`: the web listener, by which mail programs set themselves up."""

from __future__ import annotations

from mailhost.config.section import Section
from mailhost.config.types import Network


class Web(Section):
    """`[web]`. The table alone adds the listeners of the web to the default ones. What reverse
    proxies in `trusted_proxies` say of their clients is believed."""

    trusted_proxies: tuple[Network, ...] = ()

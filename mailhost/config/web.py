"""`[web]`: the web listener, by which mail programs set themselves up."""

from __future__ import annotations

from mailhost.config.section import Section


class Web(Section):
    """`[web]`. The table alone adds the listeners of the web to the default ones."""

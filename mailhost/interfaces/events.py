"""The seam over which events are reported."""

from __future__ import annotations

from zope.interface import Interface

from mailhost.events import Event


class IEventSink(Interface):
    """Takes reports of what happened."""

    def tell(event: Event) -> None:
        """Take note of `event`. Never raises, never waits."""

"""Counts of things that are no events, since they happen too often for a line in the log."""

from __future__ import annotations

from zope.interface import Interface, implementer

from mailhost.interfaces.events import CountKey

# kinds of such counts, beside the kinds of events in a CountKey
CONNECTIONS = "connection"  # accepted, by protocol
HANDSHAKES = "client tls"  # of TLS with clients, by protocol and version
LOOK_UPS = "dns"  # questions that DNS servers were asked, by result
OCTETS = "received octets"  # of the messages in Received events, by protocol


class ICounts(Interface):
    """Counts for all processes together, since the start of the host."""

    def count(key: CountKey, number: int = 1) -> None:
        """Add `number` to the count of `key`. Never raises, never waits."""


@implementer(ICounts)
class NoCounts:
    """Counts nothing: for code that runs outside of a host."""

    def count(self, key: CountKey, number: int = 1) -> None:
        """See ICounts."""

"""Makes the connections of an HTTP listener, all of which get their responses from one function."""

from __future__ import annotations

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import ServerFactory

from mailhost.net.peer import peer_of
from mailhost.web.channel import Channel
from mailhost.web.forwarded import TrustedProxies
from mailhost.web.request import SiteRequest
from mailhost.web.responses import Now
from mailhost.web.values import Respond


class Site(ServerFactory[Channel]):
    """`respond` answers all requests. `proxies` are those that are believed. `now` returns seconds
    since 1970, for the Date field."""

    noisy = False

    def __init__(
        self, respond: Respond, proxies: TrustedProxies, clock: IReactorTime, now: Now
    ) -> None:
        self.respond = respond
        self.proxies = proxies
        self.now = now
        self._clock = clock

    def buildProtocol(self, addr: IAddress | None) -> Channel:
        """Return the server of a connection."""
        return Channel(self, self._clock, SiteRequest, peer_of(addr)[0])

    def log(self, request: SiteRequest) -> None:
        """Twisted's server calls this after each response. The listener keeps no access log."""

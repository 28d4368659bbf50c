"""The web listener: its table of routes, and the factory behind it. Only the head serves it."""

from __future__ import annotations

import time

from twisted.internet.protocol import ServerFactory

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.config.model import Listen
from mailhost.net.limited import LimitedFactory
from mailhost.net.tls.server import HTTPS
from mailhost.web import challenge, sts_policy
from mailhost.web.challenge import ChallengePage
from mailhost.web.hosts import HostKind, WebHosts
from mailhost.web.routes import ANY_HOST, Route, Routes
from mailhost.web.site import Site
from mailhost.web.sts_policy import PolicyPage


def make_web_factory(foundation: Foundation, listen: Listen) -> LimitedFactory:
    """Return the factory for one listener. Before the first connection it must be given a site."""
    clock, limits, events = foundation.reactor, foundation.limits, foundation.events
    tls = foundation.tls.factory(HTTPS)
    name = listen.protocol.value
    return LimitedFactory(ServerFactory(), name, clock, limits, tls, events)


def make_site(services: Services) -> Site:
    """Return the site of all listeners, with the services of one generation."""
    foundation, settings = services.foundation, services.settings
    hosts = WebHosts(settings.hostname, lambda: foundation.directory.view)
    table = {
        challenge.PATH: Route(ChallengePage(foundation.http_challenges), ANY_HOST),
        sts_policy.PATH: Route(PolicyPage(settings), frozenset({HostKind.MTA_STS})),
    }
    return Site(Routes(table, hosts).answer, foundation.reactor, time.time)

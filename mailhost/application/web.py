"""The web listener: the factory of a listening socket, and its site. Only the head serves it."""

from __future__ import annotations

import time

from twisted.internet.protocol import ServerFactory

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.config.model import Listen
from mailhost.net.limited import LimitedFactory
from mailhost.net.tls.certificate import CertificateFiles, current_time
from mailhost.net.tls.server_contexts import HTTPS as HTTPS_ROLE
from mailhost.web.forwarded import TrustedProxies
from mailhost.web.hosts import WebHosts
from mailhost.web.https import HTTPS, own_https_port
from mailhost.web.routes import Routes
from mailhost.web.site import Site
from mailhost.web.table import Parts, make_table


def make_web_factory(foundation: Foundation, listen: Listen) -> LimitedFactory:
    """Return the factory for one listener. Before the first connection it must be given a site."""
    clock, limits, events = foundation.reactor, foundation.limits, foundation.events
    tls = foundation.tls.factory(HTTPS_ROLE)
    unserved, name = ServerFactory(), listen.protocol.value
    unserved.noisy = False  # Twisted's lines about it would say nothing
    return LimitedFactory(unserved, name, clock, limits, tls, events, foundation.counts)


def make_site(services: Services) -> Site:
    """Return the site of all listeners, with the services of one generation."""
    foundation, settings = services.foundation, services.settings
    hosts = WebHosts(settings.hostname, lambda: foundation.directory.view)

    def certificates() -> tuple[CertificateFiles, ...]:
        return foundation.tls.certificates

    https = HTTPS(settings.hostname, own_https_port(settings.listen), certificates, current_time)
    parts = Parts(
        settings,
        hosts,
        https,
        certificates,
        foundation.http_challenges,
        foundation.in_thread,
        current_time,
    )
    proxies = TrustedProxies(settings.web.trusted_proxies if settings.web else ())
    routes = Routes(make_table(parts), hosts, https, foundation.events)
    return Site(routes.answer, proxies, foundation.reactor, time.time)

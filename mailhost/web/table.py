"""All pages of the web listener, in one table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.interfaces.challenges import IHTTPChallenges
from mailhost.web import autoconfig, challenge, sts_policy
from mailhost.web.apple import page as apple
from mailhost.web.autodiscover import json_page, xml_page
from mailhost.web.hosts import HostKind, WebHosts
from mailhost.web.https import HTTPS, Certificates, Plain
from mailhost.web.offers import offers_of
from mailhost.web.routes import ANY_HOST, READ, Route

SETUP = frozenset(HostKind) - {HostKind.MTA_STS}
"""The names at which mail programs are set up."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The services that pages use. `now` returns the time."""

    settings: Settings
    hosts: WebHosts
    https: HTTPS
    certificates: Certificates
    challenges: IHTTPChallenges | None
    in_thread: InThread
    now: Callable[[], datetime]


def make_table(parts: Parts) -> dict[str, Route]:
    """Return the routes by their paths. Thunderbird asks by HTTP too, so its page is answered there
    if the certificate is none that it takes."""
    hosts, settings = parts.hosts, parts.settings
    offers = offers_of(settings.hostname, settings.listen)
    acme = challenge.ChallengePage(parts.challenges)
    policy = sts_policy.PolicyPage(settings)
    thunderbird = Route(autoconfig.AutoconfigPage(offers, hosts), SETUP, plain=Plain.PREFER_HTTPS)
    xml = xml_page.XMLPage(offers, hosts, parts.now)
    json = Route(json_page.JSONPage(hosts, parts.https), SETUP, anywhere=True)
    profile = Route(apple.ProfilePage(offers, hosts, parts.certificates, parts.in_thread), SETUP)
    return {
        challenge.PATH: Route(acme, ANY_HOST, plain=Plain.ANSWER),
        sts_policy.PATH: Route(policy, frozenset({HostKind.MTA_STS})),
        **dict.fromkeys(autoconfig.PATHS, thunderbird),
        xml_page.PATH: Route(xml, SETUP, (*READ, "POST"), anywhere=True),
        **dict.fromkeys(json_page.PATHS, json),
        apple.FORM_PATH: Route(apple.form_page, SETUP),
        apple.PROFILE_PATH: profile,
        apple.DOMAIN_PATH: profile,
    }

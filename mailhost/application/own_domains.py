"""The domains of this host with the keys that sign their mail, which the doctor and `mailhost dns`
compare with DNS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from mailhost.application.host_certificates import host_certificates
from mailhost.config.model import Settings
from mailhost.dns_records.facts import HostCertificates
from mailhost.dns_records.from_settings import NO_CERTIFICATES
from mailhost.dns_records.own_domain import OwnDomain, own_domain
from mailhost.doctor.context import OwnDomains
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.signing import DomainKey
from mailhost.signing.rules import SigningRules

MOST_DOMAINS = 100  # that are examined together

ReadKeys: TypeAlias = Callable[[str], Sequence[DomainKey]]
"""Returns the keys of a domain, none if there are none yet. Blocks."""


def domains_to_examine(
    settings: Settings, view: DirectoryView, keys: ReadKeys, only: str | None = None
) -> OwnDomains:
    """Return the domains of this host, or the one named `only` if it is one of them. Blocks."""
    names = sorted({*view.domains, *view.also})
    wanted = names if only is None else [name for name in names if name == only]
    certificates = host_certificates(settings) if wanted else NO_CERTIFICATES
    find = partial(_find, settings, view, keys, certificates)
    found = tuple(filter(None, map(find, wanted[:MOST_DOMAINS])))
    return OwnDomains(found, len(wanted[MOST_DOMAINS:]))


def find_own_domain(
    settings: Settings, view: DirectoryView, keys: ReadKeys, domain: str
) -> OwnDomain | None:
    """Return a domain of this host, None for another one. Blocks."""
    return _find(settings, view, keys, host_certificates(settings), domain)


def _find(
    settings: Settings,
    view: DirectoryView,
    keys: ReadKeys,
    certificates: HostCertificates,
    domain: str,
) -> OwnDomain | None:
    rules = SigningRules(settings)
    signer = rules.signing_domain(domain)
    signs = rules.signs(signer, view)
    found = keys(signer) if signs else ()
    return own_domain(settings, view, domain, signer if signs else "", found, certificates)

"""The domains of this host, with the keys that sign their mail, for commands that compare them with
DNS."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from mailhost.cli.context import Fail
from mailhost.cli.key_files import key_files

if TYPE_CHECKING:
    from mailhost.config.load import Loaded
    from mailhost.config.model import Settings
    from mailhost.dns_records.own_domain import OwnDomain
    from mailhost.doctor.context import OwnDomains
    from mailhost.interfaces.accounts import DirectoryView
    from mailhost.interfaces.signing import DomainKey

MOST_DOMAINS = 100  # that are examined together


def domains_to_examine(loaded: Loaded, only: str | None) -> OwnDomains:
    """Return the domains of this host, or the one named `only` if it is one of them. If the
    directory cannot be read, which the doctor reports, those of the settings file are taken."""
    from mailhost.cli.views import file_view, whole_directory
    from mailhost.doctor.context import OwnDomains

    try:
        view = whole_directory(loaded).view
    except Fail:
        view = file_view(loaded)
    names = sorted({*view.domains, *view.also})
    wanted = names if only is None else [name for name in names if name == only]
    found = (find_own_domain(loaded.settings, view, name) for name in wanted[:MOST_DOMAINS])
    return OwnDomains(tuple(filter(None, found)), len(wanted[MOST_DOMAINS:]))


def find_own_domain(settings: Settings, view: DirectoryView, domain: str) -> OwnDomain | None:
    """Return a domain of this host, None for another one."""
    from mailhost.dns_records.own_domain import own_domain
    from mailhost.signing.rules import SigningRules

    rules = SigningRules(settings)
    signer = rules.signing_domain(domain)
    signs = rules.signs(signer, view)
    keys = _keys(settings.data, signer) if signs else ()
    return own_domain(settings, view, domain, signer if signs else "", keys)


def _keys(data: str, domain: str) -> tuple[DomainKey, ...]:
    """Return the keys of a domain; none before the host or `mailhost dkim make` made them."""
    from mailhost.application.privileges import as_owner

    if not os.path.isdir(data):
        return ()
    with as_owner(data):
        pairs = key_files(data).read(domain) or ()
    return tuple(pair.public for pair in pairs)

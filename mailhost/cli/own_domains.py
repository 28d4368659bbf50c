"""The domains of this host, with the keys that sign their mail, for commands that compare them with
DNS."""

from __future__ import annotations

import os
from functools import partial
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


def domains_to_examine(loaded: Loaded, only: str | None) -> OwnDomains:
    """Return the domains of this host, or the one named `only` if it is one of them. If the
    directory cannot be read, which the doctor reports, those of the settings file are taken."""
    from mailhost.application.own_domains import domains_to_examine
    from mailhost.cli.views import file_view, whole_directory

    try:
        view = whole_directory(loaded).view
    except Fail:
        view = file_view(loaded)
    keys = partial(_keys, loaded.settings.data)
    return domains_to_examine(loaded.settings, view, keys, only)


def find_own_domain(settings: Settings, view: DirectoryView, domain: str) -> OwnDomain | None:
    """Return a domain of this host, None for another one."""
    from mailhost.application.own_domains import find_own_domain

    return find_own_domain(settings, view, partial(_keys, settings.data), domain)


def _keys(data: str, domain: str) -> tuple[DomainKey, ...]:
    """Return the keys of a domain; none before the host or `mailhost dkim make` made them."""
    from mailhost.application.privileges import as_owner

    if not os.path.isdir(data):
        return ()
    with as_owner(data):
        pairs = key_files(data).read(domain) or ()
    return tuple(pair.public for pair in pairs)

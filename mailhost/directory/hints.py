"""Hints about a directory that are found only in the settings file and the database together."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.config.model import Settings
from mailhost.config.plausible import takes_own_mail
from mailhost.directory.alias_faults import alias_faults, unknown_targets
from mailhost.directory.union import Union

NO_DOMAIN = "there is no domain, so mail is answered 451; run: mailhost domain add example.com"


def directory_hints(settings: Settings, union: Union) -> Iterator[str]:
    """Yield what `mailhost check-config` warns of: names in both places, no domain at all, an admin
    and targets of aliases that do not exist, circles of aliases."""
    view = union.view
    yield from union.clashes
    if lacks_domains(settings, union):
        yield NO_DOMAIN
    admin = settings.admin
    if admin and admin.domain not in settings.domain:
        yield from (f"admin: {text}" for text in unknown_targets(view, [admin]))
    yield from alias_faults(view, settings.report_mailboxes)


def lacks_domains(settings: Settings, union: Union) -> bool:
    """True if the host is to take mail for domains of its own, and has none."""
    return not union.view.domains and takes_own_mail(settings) and settings.demo is None

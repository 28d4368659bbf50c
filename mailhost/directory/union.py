"""The union of the domains of the settings file and of the database.

A domain is either in the settings file or in the database. If both have it, the domain of the
settings file is used, the other is ignored, and the operator is warned.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.accounts import DirectoryView
from mailhost.message.address import unicode_domain


@dataclass(frozen=True, slots=True)
class Union:
    """The united view, and a warning for each name that both have."""

    view: DirectoryView
    clashes: tuple[str, ...] = ()


def unite(file: DirectoryView, database: DirectoryView) -> Union:
    """Return the union of both views."""
    taken = {*file.domains, *file.also}
    domains = {name: domain for name, domain in database.domains.items() if name not in taken}
    also = {
        alias: name
        for alias, name in database.also.items()
        if alias not in taken and name in domains
    }
    lost = [name for name in (*database.domains, *database.also) if name in taken]
    view = DirectoryView({**domains, **file.domains}, {**also, **file.also})
    return Union(view, tuple(map(_text, sorted(lost))))


def _text(name: str) -> str:
    return (
        f"{unicode_domain(name)} is in the settings file and in the database; "
        "the domain of the settings file is used, that of the database is ignored"
    )

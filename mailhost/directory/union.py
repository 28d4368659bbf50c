"""Two directories as one: the settings file's domains and the database's.

A domain belongs to one of them whole. Where both have a name the settings file wins, and what the
database says about it is left out and told.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.interfaces.accounts import DirectoryView
from mailhost.message.address import unicode_domain


@dataclass(frozen=True, slots=True)
class Union:
    """One view, and the names that the database has in vain, in words."""

    view: DirectoryView
    clashes: tuple[str, ...] = ()


def unite(file: DirectoryView, database: DirectoryView) -> Union:
    """Return both as one."""
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
        f"{unicode_domain(name)} lives in the settings file and in the database; "
        "the settings file's is used, what the database has of it is not"
    )

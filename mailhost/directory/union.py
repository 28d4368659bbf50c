"""Two directories as one: what the settings file says of a domain wins."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.message.accounts import DirectoryView


def union(file: DirectoryView, database: DirectoryView) -> DirectoryView:
    """Return both views as one. A name that the file has, the database cannot have."""
    taken = file.domains.keys() | file.also.keys()
    domains = {name: domain for name, domain in database.domains.items() if name not in taken}
    also = {
        name: domain
        for name, domain in database.also.items()
        if name not in taken and domain in domains
    }
    return DirectoryView({**domains, **file.domains}, {**also, **file.also})


def clashes(file: DirectoryView, database: DirectoryView) -> Iterator[str]:
    """Yield the domains that both have; the file's are served."""
    taken = file.domains.keys() | file.also.keys()
    yield from sorted(taken & (database.domains.keys() | database.also.keys()))

"""Finds aliases that lead in a circle, and targets in our domains that do not exist.

The input is a view of the whole directory; the output are texts for the operator. An address is
looked up as in `routing`: first the alias or account with the whole local part, then with the local
part without `+detail`, then the catch-all.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from difflib import get_close_matches
from typing import TypeAlias

from mailhost.interfaces.accounts import DirectoryView, Domain
from mailhost.message.address import Address
from mailhost.routing import ROLES, keys_of

Name: TypeAlias = tuple[str, str]
"""The domain and the key of an address; the key is empty for the catch-all."""

ALIKE = 0.6  # the least likeness, by difflib's measure, of a name that is suggested


def alias_faults(view: DirectoryView, reports: Container[Name] = ()) -> Iterator[str]:
    """Yield the faults of all aliases and catch-alls. `reports` are the addresses that take reports
    of DMARC."""
    aliases = list(_aliases(view))
    for alias, targets in aliases:
        for text in unknown_targets(view, targets, reports=reports):
            yield f"{alias}: {text}"
        yield from stars(alias, targets)
    for domain in view.domains.values():
        caught = [domain.catch_all] if domain.catch_all else []
        for text in unknown_targets(view, caught, catch_all=False):
            yield f"the catch-all of {domain.name}: {text}"
    yield from circles(view, [alias for alias, _ in aliases])


def unknown_targets(
    view: DirectoryView,
    targets: Iterable[Address],
    catch_all: bool = True,
    reports: Container[Name] = (),
) -> Iterator[str]:
    """Yield a text for each target that is in a domain of this host and does not exist.

    With `catch_all`, every name in a domain with a catch-all counts as existing. So do `reports`.
    """
    return (
        _nobody(view, each)
        for each in targets
        if (each.domain, each.key) not in reports and _is_nobody(view, each, catch_all)
    )


def stars(alias: Address, targets: Iterable[Address]) -> Iterator[str]:
    """Yield a text if the alias is `*@example.com`, which is one address here, and a catch-all in
    other mail hosts."""
    if alias.local == "*":
        target = next(iter(targets), "ADDRESS")
        yield (
            f"{alias}: means only the local part *, and is no catch-all; for a catch-all run: "
            f"mailhost domain catch-all {alias.domain} {target}"
        )


def circles(view: DirectoryView, aliases: Iterable[Address]) -> Iterator[str]:
    """Yield each circle to which these aliases lead, once."""
    done: set[Name] = set()
    for alias in aliases:
        for way in _circles(view, alias, done):
            yield f"{way[0]} leads back to itself: {' -> '.join(map(str, [*way, way[0]]))}"


def _circles(view: DirectoryView, start: Address, done: set[Name]) -> Iterator[list[Address]]:
    """Follow all targets, depth first, and yield each way from a name back to itself."""
    on_the_way: dict[Name, Address] = {}
    ahead: list[tuple[Name, Iterator[Address]]] = []
    targets = iter([start])
    while True:
        target = next(targets, None)
        if target is None:
            if not ahead:
                return
            name, targets = ahead.pop()
            on_the_way.popitem()
            done.add(name)
            continue
        name, further = _followed(view, target)
        if name in on_the_way:
            names = list(on_the_way)
            yield list(on_the_way.values())[names.index(name) :]
        elif further and name not in done:
            ahead.append((name, targets))
            on_the_way[name] = target
            targets = iter(further)


def _followed(view: DirectoryView, address: Address) -> tuple[Name, tuple[Address, ...]]:
    """Return the name under which an address is found, and the targets if it is an alias or
    catch-all."""
    domain = view.domain(address.domain)
    if domain is None:
        return (address.domain, address.key), ()
    for key in keys_of(address):
        if key in domain.aliases:
            return (domain.name, key), domain.aliases[key]
        if key in domain.accounts or key in ROLES:
            return (domain.name, key), ()
    caught = domain.catch_all
    if caught is None or _is_nobody(view, caught, catch_all=False):
        return (domain.name, address.key), ()
    return (domain.name, ""), (caught,)


def _is_nobody(view: DirectoryView, address: Address, catch_all: bool) -> bool:
    domain = view.domain(address.domain)
    if domain is None or (catch_all and domain.catch_all):
        return False
    names = (domain.accounts, domain.aliases, ROLES)
    return not any(key in some for key in keys_of(address) for some in names)


def _nobody(view: DirectoryView, address: Address) -> str:
    text = f"there is no account or alias {address}"
    domain = view.domain(address.domain)
    near = get_close_matches(address.key, _names(domain), 1, ALIKE) if domain else []
    return f"{text}; did you mean {Address(near[0], address.domain)}?" if near else text


def _names(domain: Domain) -> list[str]:
    return [*domain.accounts, *domain.aliases]


def _aliases(view: DirectoryView) -> Iterator[tuple[Address, tuple[Address, ...]]]:
    for domain in view.domains.values():
        for key, targets in domain.aliases.items():
            yield Address(key, domain.name), targets

"""Relations between domain names, which are in lower case and in A-labels."""

from __future__ import annotations

from collections.abc import Iterator


def is_at_or_below(name: str, domain: str) -> bool:
    """True for the domain itself and all names below it."""
    return f".{name}".endswith(f".{domain}")


def names_above(name: str) -> Iterator[str]:
    """Yield the names above a name, the nearest first."""
    while "." in name:
        name = name.partition(".")[2]
        yield name


def fits(pattern: str, name: str) -> bool:
    """True for a name that a pattern of the settings means: that very name, all names below a
    domain (`*.example.org`), or all (`*`)."""
    if pattern == "*":
        return True
    return name.endswith(pattern[1:]) if pattern.startswith("*.") else name == pattern

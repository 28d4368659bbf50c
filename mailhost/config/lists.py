"""Lists of networks, addresses and names, as users write them, and look-ups in them.

An entry is a network or an address (`192.0.2.0/24`, `2001:db8::1`), a mail address
(`ann@example.com`), a name (`example.com`: that name, or any address in that domain), a glob
(`*@example.com`, `*.example.com`, `sales-?@*`), or `<>` for the empty sender. Case does not count.
Domains may be written in their own letters; an address literal (`[192.0.2.1]`) is no glob.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import translate
from ipaddress import ip_address, ip_network

from mailhost.message.address import BadAddress, parse_domain

_GLOB = re.compile(r"[*?\[]")
_LITERAL = re.compile(r"(?:[^*?\[\]]+@)?\[(?:ipv6:)?(?=[^\]]*[.:])[0-9a-f.:]+\]")


class BadEntry(ValueError):
    """An entry that is not valid; the text of the exception quotes it, with the reason."""


def entries_of(text: str) -> Iterator[str]:
    """Yield the entries of a file, one in each line, without comments (`#`) and empty lines."""
    for line in text.splitlines():
        entry = line.partition("#")[0].strip()
        if entry:
            yield entry


class Networks:
    """IP networks. The time of `has` depends on the number of different prefix lengths, not of
    networks."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Raises BadEntry."""
        self._known: dict[tuple[int, int], set[int]] = {}
        for entry in entries:
            try:
                network = ip_network(entry, strict=False)
            except ValueError as error:
                raise BadEntry(f"{entry!r} is no IP address and no network") from error
            shift = network.max_prefixlen - network.prefixlen
            number = int(network.network_address) >> shift
            self._known.setdefault((network.version, shift), set()).add(number)

    def has(self, ip: str) -> bool:
        """True if the address is in one of the networks. False for a text that is no address."""
        try:
            address = ip_address(ip.partition("%")[0])
        except ValueError:
            return False
        number, version = int(address), address.version
        return any(
            kind == version and number >> shift in numbers
            for (kind, shift), numbers in self._known.items()
        )


class Globs:
    """Globs that must match a whole text, without regard to case."""

    def __init__(self, globs: Iterable[str]) -> None:
        patterns = [translate(glob.casefold()) for glob in globs]
        self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __bool__(self) -> bool:
        return self._pattern is not None

    def fit(self, text: str) -> bool:
        """True if one of the globs matches."""
        return self._pattern is not None and self._pattern.match(text.casefold()) is not None


class Names:
    """Mail addresses, names and globs."""

    def __init__(self, entries: Iterable[str]) -> None:
        """Raises BadEntry."""
        plain = set[str]()
        globs = list[str]()
        for entry in entries:
            if not entry or any(character.isspace() for character in entry):
                raise BadEntry(f"{entry!r} is no name, address or glob")
            entry = _with_a_labels(entry.casefold())
            glob = _GLOB.search(entry) and not _LITERAL.fullmatch(entry)
            (globs.append if glob else plain.add)(entry)
        self._plain = frozenset(plain)
        self._globs = Globs(globs)

    def has(self, name: str) -> bool:
        """True if the name or mail address, or its domain, is in the list, or if a glob matches it.
        The empty sender is `<>`."""
        name = name.casefold()
        if name in self._plain or name.rpartition("@")[2] in self._plain:
            return True
        return self._globs.fit(name)


def _with_a_labels(entry: str) -> str:
    """Return the entry with its domain in A-labels, as in addresses (RFC 5890); globs are not
    changed."""
    local, at, domain = entry.rpartition("@")
    if domain.isascii():
        return entry
    return f"{local}{at}{'.'.join(map(_a_label, domain.split('.')))}"


def _a_label(label: str) -> str:
    try:
        return parse_domain(label) if not label.isascii() else label
    except BadAddress:
        return label

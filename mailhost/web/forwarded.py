"""Reads the header fields in which reverse proxies describe their clients: X-Forwarded-For, -Proto
and -Host, or Forwarded (RFC 7239), without I/O.

A proxy adds its entry at the end of these lists, so they are read from the end: each entry was
added by a trusted proxy as long as the one behind it names a trusted proxy. The first entry with
another address is that of the client; entries before it were written by the client, and are not
believed. If there is an X-Forwarded field, Forwarded is not read: most proxies set only the
former, and pass on a Forwarded field of the client.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

Fields = Callable[[str], Sequence[str]]
"""Returns the values of all header fields with a name."""

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'\s*({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")\s*(?:([;,])|\Z)')
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)|([0-9A-Fa-f:.]+))(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """The description of a client by a proxy: its address (empty if it is not known), whether it
    used HTTPS, and the name that it asked for (empty: the one in the Host field)."""

    client: str = ""
    secure: bool = False
    host: str = ""


class TrustedProxies:
    """`networks` are those of the proxies. A client over a unix socket is one too, since the file
    system decides which processes may connect."""

    def __init__(self, networks: Sequence[IPv4Network | IPv6Network]) -> None:
        self._networks = networks

    def read(self, peer: str, fields: Fields) -> Forwarded | None:
        """Return the description of a client by a trusted proxy; None if the peer is no such proxy,
        or sent none. `peer` is the address of the connection, empty for a unix socket."""
        if peer and not self._trusts(peer):
            return None
        addresses = _list(fields("X-Forwarded-For"))
        protocols = _list(fields("X-Forwarded-Proto"))
        hosts = _list(fields("X-Forwarded-Host"))
        if addresses or protocols or hosts:
            place = self._place(addresses)
            return Forwarded(
                _address(_at(addresses, place)), _is_https(_at(protocols, place)), _at(hosts, place)
            )
        elements = read_forwarded(",".join(fields("Forwarded")))
        if not elements:
            return None
        chosen = elements[self._place([each.get("for", "") for each in elements])]
        return Forwarded(
            _address(chosen.get("for", "")),
            _is_https(chosen.get("proto", "")),
            chosen.get("host", ""),
        )

    def _place(self, addresses: Sequence[str]) -> int:
        """Return the index from the end of the entry that a trusted proxy added for the client."""
        for place in range(1, len(addresses)):
            if not self._trusts(_address(addresses[-place])):
                return -place
        return -max(len(addresses), 1)

    def _trusts(self, address: str) -> bool:
        return bool(address) and any(ip_address(address) in each for each in self._networks)


def read_forwarded(text: str) -> list[dict[str, str]]:
    """Return the elements of a Forwarded field, each with its pairs by name in lower case; none for
    a malformed field."""
    elements: list[dict[str, str]] = [{}]
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None:
            return []
        name, token, quoted, end = match.groups()
        value = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        elements[-1].setdefault(name.lower(), value)
        if end == ",":
            elements.append({})
        at = match.end()
    return [each for each in elements if each]


def _list(values: Sequence[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _at(entries: Sequence[str], place: int) -> str:
    """Return the entry at this place from the end. Some proxies set one value, and no list."""
    if not entries:
        return ""
    return entries[place] if len(entries) >= -place else entries[0]


def _is_https(protocol: str) -> bool:
    return protocol.lower() == "https"


def _address(node: str) -> str:
    """Return the IP address of a node, with or without its port (RFC 7239 §6); empty for a node
    without one, such as `unknown`. An IPv4 address that is mapped into IPv6 becomes IPv4."""
    match = _NODE.fullmatch(node)
    try:
        found = ip_address(next(filter(None, match.groups()))) if match else None
    except ValueError:
        found = None
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    return str(found) if found else ""

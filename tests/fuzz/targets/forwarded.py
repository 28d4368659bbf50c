"""Header fields of reverse proxies: a line with the addresses of X-Forwarded-For, then a Forwarded
field."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_address, ip_network

from mailhost.web.forwarded import Forwarded, TrustedProxies, read_forwarded

PROXIES = TrustedProxies([ip_network("192.0.2.0/24")])


def target(data: bytes) -> None:
    addresses, _, forwarded = data.decode("latin-1").partition("\n")
    read_forwarded(forwarded)
    for peer in ("192.0.2.1", "198.51.100.1"):
        for fields in ({"X-Forwarded-For": [addresses]}, {"Forwarded": [forwarded]}):
            _check(peer, PROXIES.read(peer, partial(_values, fields)))


def _values(fields: dict[str, list[str]], name: str) -> list[str]:
    return fields.get(name, [])


def _check(peer: str, found: Forwarded | None) -> None:
    assert found is None or peer.startswith("192.0.2.")
    if found is not None and found.client:
        ip_address(found.client)

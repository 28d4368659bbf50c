"""A TARGET of `mailhost doctor` as a value: a server, a recipient, or a name of which DNS says
whether it is a domain or a server."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeAlias

from mailhost.message.address import (
    Address,
    BadAddress,
    literal_address,
    parse_address,
    parse_domain,
)

_MOST = 65535


@dataclass(frozen=True, slots=True)
class Server:
    """One host, by its name in A-labels or its IP address. Without a `port`, all ports of mail."""

    host: str
    port: int | None = None


@dataclass(frozen=True, slots=True)
class Recipient:
    """A mail address."""

    address: Address


@dataclass(frozen=True, slots=True)
class Domain:
    """A name in A-labels. DNS may say that it is the name of a server."""

    name: str


Target: TypeAlias = Server | Recipient | Domain


class BadTarget(ValueError):
    """A text that is no TARGET; the text of the exception says why."""


def parse_target(text: str) -> Target:
    """Read what the operator wrote. Raises BadTarget."""
    text = text.strip().removesuffix(".")
    if _ip(text):
        return Server(_ip(text))
    try:
        if "@" in text:
            return Recipient(parse_address(text.removeprefix("<").removesuffix(">")))
        host, colon, port = text.rpartition(":")
        if colon:
            return Server(_host(host), _port(port))
        if text.startswith("[") or text.lower() == "localhost":
            return Server(_host(text))
        return Domain(_host(text))
    except BadAddress as bad:
        raise BadTarget(
            f"{bad}; a TARGET is a domain, a host, host:port, or a mail address"
        ) from bad


def domain_of(target: Target) -> str:
    """Return the domain of a target, empty for a server."""
    if isinstance(target, Recipient):
        return target.address.domain
    return target.name if isinstance(target, Domain) else ""


def _host(text: str) -> str:
    """Return a name in A-labels, or the address inside a literal such as `[192.0.2.1]`. Raises
    BadAddress."""
    bare = _ip(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    if bare:
        return bare
    domain = parse_domain(text)
    if domain.rpartition(".")[2].isdigit():
        raise BadAddress(f"{text[:300]!r} is no IP address")
    return literal_address(domain) or domain


def _ip(text: str) -> str:
    """Return an IP address in its usual form, empty for another text."""
    with suppress(ValueError):
        return str(ip_address(text))
    return ""


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= _MOST):
        raise BadAddress(f"{text[:300]!r} is no port: expected a number from 1 to {_MOST}")
    return int(text)

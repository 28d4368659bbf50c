"""Parses and checks server endpoint descriptions without a reactor.

The grammar is Twisted's (`twisted.internet.endpoints.serverFromString`): parts between colons,
`name=value` parts after them, a backslash before a colon that belongs to a value. Besides, an IPv6
address may be written in brackets, and an address before the port (`tcp:[::1]:25`,
`tcp:127.0.0.1:25`). tcp, tcp6, unix, systemd, ssl and tls, with or without haproxy in front, are
checked completely. For other kinds it is only checked that Twisted has an endpoint plugin of this
name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TypeVar

from mailhost.config.endpoint_meant import server_meant, twisted_form

T = TypeVar("T")

# Each kind: the names of the parts by position, and how many of them must be there.
_KINDS: dict[str, tuple[tuple[str, ...], int]] = {
    "tcp": (("port", "interface", "backlog"), 1),
    "tcp6": (("port", "backlog", "interface"), 1),
    "unix": (("address", "mode", "backlog", "lockfile"), 1),
    "systemd": (("domain", "index", "name"), 1),
    "ssl": (
        (
            "port",
            "privateKey",
            "certKey",
            "sslmethod",
            "interface",
            "backlog",
            "extraCertChain",
            "dhParameters",
        ),
        1,
    ),
    "tls": (("path", "port", "backlog", "interface"), 1),
}
PATHS = ("address", "path", "privateKey", "certKey", "extraCertChain", "dhParameters")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_NUMBERS = re.compile(r"[0-9.]+")
_EXAMPLE = 'write one such as "tcp:25", "tcp:127.0.0.1:25", "tcp:[::1]:25" or "haproxy:tcp:25"'


class BadEndpoint(ValueError):
    """The text is no endpoint description; the text of the exception shows a valid one."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server endpoint description. `parts` are its arguments by name, in the order of `_KINDS`.

    `proxied` is True for descriptions that begin with `haproxy:`. Kinds of endpoint plugins have no
    `parts`.
    """

    kind: str
    parts: tuple[tuple[str, str], ...] = ()
    proxied: bool = False

    def part(self, name: str, default: str = "") -> str:
        """One argument, or the default."""
        return dict(self.parts).get(name, default)

    @property
    def port(self) -> int | None:
        """The TCP port, None if there is none or the system chooses it."""
        if self.kind not in ("tcp", "tcp6", "ssl", "tls"):
            return None
        return int(self.part("port", "443")) or None

    @property
    def interface(self) -> str:
        """The IP address to listen on; `0.0.0.0` and `::` mean all."""
        everything = "0.0.0.0" if self.kind in ("tcp", "ssl") else "::"
        written = self.part("interface") or everything
        try:
            return str(ip_address(written))
        except ValueError:
            return "127.0.0.1" if written == "localhost" else written

    def overlaps(self, other: Endpoint) -> bool:
        """True if the two endpoints cannot be bound at the same time."""
        if self.kind == "unix" == other.kind:
            return self.part("address") == other.part("address")
        if self.kind == "systemd" == other.kind:
            return _same_descriptor(self, other)
        if self.port is None or self.port != other.port:
            return False
        mine, yours = self.interface, other.interface
        # A socket on `::` takes IPv4 connections too, on every system we run on.
        return mine == yours or "::" in (mine, yours) or _all_of_one_family(mine, yours)

    def __str__(self) -> str:
        named = [f"{name}={quote(value)}" for name, value in self.parts[1:]]
        first = [quote(value) for _, value in self.parts[:1]]
        return ":".join(["haproxy"] * self.proxied + [self.kind, *first, *named])


def _all_of_one_family(mine: str, yours: str) -> bool:
    return "0.0.0.0" in (mine, yours) and ":" not in mine + yours


def _same_descriptor(one: Endpoint, other: Endpoint) -> bool:
    index = one.part("index"), other.part("index")
    name = one.part("name"), other.part("name")
    return (index[0] == index[1] != "") or (name[0] == name[1] != "")


def parse_endpoint(text: str) -> Endpoint:
    """Parse a server endpoint description. Raises BadEndpoint."""
    return parse_or_suggest(text, lambda each: _parse(twisted_form(each)), server_meant)


def parse_or_suggest(
    text: str, parse: Callable[[str], T], meant: Callable[[str], Iterator[str]]
) -> T:
    """Return the result of `parse`. Raises BadEndpoint, which shows the first text of `meant` that
    is a valid endpoint, if there is one."""
    try:
        return parse(text)
    except BadEndpoint as error:
        for better in meant(text):
            if _is_endpoint(better, parse):
                raise BadEndpoint(f'{text!r} is no endpoint; write "{better}"') from error
        raise


def _is_endpoint(text: str, parse: Callable[[str], object]) -> bool:
    try:
        parse(text)
    except BadEndpoint:
        return False
    return True


def _parse(text: str) -> Endpoint:
    positional, names = split(text)
    proxied = positional[0] == "haproxy"
    positional = positional[1:] if proxied else positional
    if not positional or not positional[0]:
        raise BadEndpoint(f"{text!r} is no endpoint; {_EXAMPLE}")
    if positional[0] not in _KINDS:
        return _plugin(positional[0], proxied, text)
    endpoint = Endpoint(positional[0], _bind(positional[0], positional[1:], names, text), proxied)
    _check(endpoint)
    return endpoint


def listening_address(text: str) -> str:
    """Return `ip:port` or `[ip]:port` for an endpoint with a TCP port, and another one as it is.

    Raises BadEndpoint.
    """
    endpoint = parse_endpoint(text)
    if endpoint.port is None:
        return text
    host = endpoint.interface
    return f"[{host}]:{endpoint.port}" if ":" in host else f"{host}:{endpoint.port}"


def absolute_endpoint(text: str, folder: str) -> str:
    """Return the description as Twisted reads it, its relative paths joined to `folder`.

    Raises BadEndpoint.
    """
    endpoint = parse_endpoint(text)
    text = twisted_form(text)
    paths = [name for name, value in endpoint.parts if name in PATHS and not os.path.isabs(value)]
    if not paths or not folder:
        return text
    parts = tuple(
        (name, os.path.join(folder, value) if name in paths else value)
        for name, value in endpoint.parts
    )
    return str(replace(endpoint, parts=parts))


def split(text: str) -> tuple[list[str], dict[str, str]]:
    """Return the parts of a description: those by position, those by name. Raises BadEndpoint."""
    positional: list[str] = []
    names: dict[str, str] = {}
    for part in _parts(text):
        if len(part) == 1:
            positional.append(part[0])
        else:
            names[part[0]] = part[1]
    return positional or [""], names


def _parts(text: str) -> Iterator[list[str]]:
    """Yield each part as [value] or [name, value], without its backslashes."""
    part = [""]
    letters = iter(text)
    for letter in letters:
        if letter == "\\":
            following = next(letters, "")
            if not following:
                raise BadEndpoint(f"{text!r} ends in a backslash; {_EXAMPLE}")
            part[-1] += following
        elif letter == ":":
            yield part
            part = [""]
        elif letter == "=" and len(part) == 1:
            part.append("")
        else:
            part[-1] += letter
    yield part


def _bind(
    kind: str, positional: list[str], names: dict[str, str], text: str
) -> tuple[tuple[str, str], ...]:
    known, needed = _KINDS[kind]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BadEndpoint(f"{text!r}: {kind} has no {unknown[0]!r}; it knows {', '.join(known)}")
    if len(positional) > len(known):
        raise BadEndpoint(
            f'{text!r} has too many parts; an IPv6 address stands in brackets, as in "tcp:[::1]:25"'
        )
    given = dict(zip(known, positional, strict=False))
    twice = sorted(set(given) & set(names))
    if twice:
        raise BadEndpoint(f"{text!r} has two of {twice[0]!r}; write one")
    given |= names
    missing = [name for name in known[:needed] if not given.get(name)]
    if missing:
        raise BadEndpoint(f"{text!r} lacks its {missing[0]}; {_EXAMPLE}")
    return tuple((name, given[name]) for name in known if name in given)


def _check(endpoint: Endpoint) -> None:
    for name, value in endpoint.parts:
        if name == "port":
            _number(endpoint, name, value, 65535)
        elif name in ("backlog", "index", "lockfile"):
            _number(endpoint, name, value, 1 << 30)
        elif name == "mode":
            _mode(value)
        elif name == "interface" and value:
            _interface(value)
    if endpoint.kind == "systemd":
        _check_systemd(endpoint)
    if endpoint.kind == "tls" and endpoint.part("path").isdigit():
        raise BadEndpoint("tls needs a folder of certificates; a listener has those of [tls]")


def _number(endpoint: Endpoint, name: str, value: str, most: int) -> None:
    if not (value.isascii() and value.isdigit() and len(value) < 12) or int(value) > most:
        fault = f"the {name} {value!r} of {endpoint.kind} is no number up to {most}"
        raise BadEndpoint(f"{fault}; {_EXAMPLE}" if name == "port" else fault)


def _mode(value: str) -> None:
    try:
        int(value, 8)
    except ValueError as error:
        raise BadEndpoint(f"the mode {value!r} is no octal number such as 660") from error


def _interface(value: str) -> None:
    """Check an interface. Twisted accepts IPv4 and IPv6 addresses for both tcp and tcp6, and
    names."""
    if _NAME.fullmatch(value) and not _NUMBERS.fullmatch(value):
        return
    try:
        ip_address(value)
    except ValueError as error:
        raise BadEndpoint(f"the interface {value!r} is no IP address") from error


def _check_systemd(endpoint: Endpoint) -> None:
    if endpoint.part("domain") not in ("INET", "INET6", "UNIX"):
        raise BadEndpoint("systemd sockets are of domain INET, INET6 or UNIX")
    if bool(endpoint.part("index")) == bool(endpoint.part("name")):
        raise BadEndpoint('name the systemd socket, as in "systemd:domain=INET6:index=0"')


def _plugin(kind: str, proxied: bool, text: str) -> Endpoint:
    """Return an endpoint of a kind that another package provides. Only such kinds are looked up,
    since this imports every Twisted plugin."""
    from twisted.internet.interfaces import IStreamServerEndpointStringParser
    from twisted.plugin import getPlugins

    if kind == "stdio":
        raise BadEndpoint(f"{text!r} serves one connection only; {_EXAMPLE}")
    if any(found.prefix == kind for found in getPlugins(IStreamServerEndpointStringParser)):
        return Endpoint(kind, (), proxied)
    raise BadEndpoint(f"there is no kind of endpoint {kind!r} in {text!r}; {_EXAMPLE}")


def quote(value: str) -> str:
    """Return a value as it is written in a description, with backslashes."""
    for letter in "\\:=":
        value = value.replace(letter, "\\" + letter)
    return value

"""Parses and checks client endpoint descriptions without a reactor.

The grammar is Twisted's (`twisted.internet.endpoints.clientFromString`). Besides, an IPv6 address
may be written in brackets: `tcp:[::1]:25`. tcp, tls and unix are checked completely; for other
kinds it is only checked that Twisted has an endpoint plugin of this name.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import ip_address

from mailhost.config.endpoint import BadEndpoint, parse_or_suggest, quote, split
from mailhost.config.endpoint_meant import client_meant, unbracketed

_KINDS = {
    "tcp": ("host", "port", "timeout", "bindAddress"),
    "tls": ("host", "port", "timeout", "bindAddress"),
    "unix": ("path", "timeout"),
}
_NUMBER = re.compile("[0-9]{1,9}")
_EXAMPLE = 'write one such as "tcp:10.0.0.5:25", "tcp:[::1]:25" or "tcp:mail.example.com:25"'


@dataclass(frozen=True, slots=True)
class ClientEndpoint:
    """`endpoint` is the description that Twisted connects to. `host` is the host to expect in the
    certificate, empty if none is named. `tls_first`: the code that connects has to begin TLS with
    the first octet."""

    endpoint: str
    host: str = ""
    tls_first: bool = False


def parse_client_endpoint(text: str) -> ClientEndpoint:
    """Parse a client endpoint description. Raises BadEndpoint."""
    return parse_or_suggest(text, _parse, client_meant)


def _parse(text: str) -> ClientEndpoint:
    kind, given = _read(text)
    if kind not in _KINDS:
        return _plugin(kind, text)
    if "timeout" in given:
        _check_number("timeout", given, text)
    if kind == "unix":
        return ClientEndpoint(_written("unix", _needed(given, "path", text)))
    _check_number("port", _needed(given, "port", text), text)
    if "bindAddress" in given:
        _check_ip(given["bindAddress"], text)
    host = _needed(given, "host", text)
    return ClientEndpoint(_written("tcp", given), host["host"], kind == "tls")


def absolute_client_endpoint(text: str, folder: str) -> str:
    """Return the description as Twisted reads it, a relative path joined to `folder`.

    Raises BadEndpoint.
    """
    parse_client_endpoint(text)
    kind, given = _read(text)
    if kind != "unix" or os.path.isabs(given["path"]) or not folder:
        return unbracketed(text)
    return _written(kind, given | {"path": os.path.join(folder, given["path"])})


def host_and_port(text: str) -> tuple[str, int | None]:
    """Return the host and the TCP port of a client endpoint: an empty host or port None if it has
    none.

    Raises BadEndpoint.
    """
    _, given = _read(text)
    return given.get("host", ""), int(given["port"]) if "port" in given else None


def _read(text: str) -> tuple[str, dict[str, str]]:
    """Return the kind, and its parts by name if the kind is one of _KINDS."""
    positional, names = split(unbracketed(text))
    kind, *positional = positional
    kind = kind.lower()
    return kind, _bind(kind, positional, names, text) if kind in _KINDS else {}


def _bind(kind: str, positional: list[str], names: dict[str, str], text: str) -> dict[str, str]:
    known = _KINDS[kind]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BadEndpoint(f"{text!r}: {kind} has no {unknown[0]!r}; it knows {', '.join(known)}")
    if len(positional) > (1 if kind == "unix" else 2):
        raise BadEndpoint(
            f'{text!r} has too many parts; an IPv6 address stands in brackets, as in "tcp:[::1]:25"'
        )
    given = dict(zip(known, positional, strict=False))
    twice = sorted(given.keys() & names.keys())
    if twice:
        raise BadEndpoint(f"{text!r} has two of {twice[0]!r}; write one")
    return {name: value for name, value in (given | names).items() if value}


def _needed(given: dict[str, str], name: str, text: str) -> dict[str, str]:
    if name not in given:
        raise BadEndpoint(f"{text!r} lacks its {name}; {_EXAMPLE}")
    return given


def _check_number(name: str, given: dict[str, str], text: str) -> None:
    value = given[name]
    if not (_NUMBER.fullmatch(value) and 0 < int(value) < 65536):
        raise BadEndpoint(f"the {name} {value!r} of {text!r} is no number from 1 to 65535")


def _check_ip(value: str, text: str) -> None:
    try:
        ip_address(value)
    except ValueError as error:
        raise BadEndpoint(f"the bindAddress {value!r} of {text!r} is no IP address") from error


def _written(kind: str, given: dict[str, str]) -> str:
    return ":".join([kind, *(f"{name}={quote(value)}" for name, value in given.items())])


def _plugin(kind: str, text: str) -> ClientEndpoint:
    """Return an endpoint of a kind that another package provides. Only such kinds are looked up,
    since this imports every Twisted plugin."""
    from twisted.internet.interfaces import IStreamClientEndpointStringParserWithReactor
    from twisted.plugin import getPlugins

    found = getPlugins(IStreamClientEndpointStringParserWithReactor)
    if kind and any(parser.prefix.lower() == kind.lower() for parser in found):
        return ClientEndpoint(unbracketed(text))
    raise BadEndpoint(f"there is no kind of endpoint {kind!r} in {text!r}; {_EXAMPLE}")

"""Client endpoint descriptions, read without a reactor: is it one, and whose certificate to expect?

The grammar is Twisted's (`twisted.internet.endpoints.clientFromString`). tcp, tls and unix are
understood in full; other kinds are left to the endpoint plugins of Twisted.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.config.endpoint import BadEndpoint, quote, split

_KINDS = {
    "tcp": ("host", "port", "timeout", "bindAddress"),
    "tls": ("host", "port", "timeout", "bindAddress"),
    "unix": ("path", "timeout"),
}
_EXAMPLE = 'write one such as "tcp:10.0.0.5:25" or "tcp:mail.example.com:25"'


@dataclass(frozen=True, slots=True)
class ClientEndpoint:
    """`endpoint` is what Twisted connects to; `host` is empty where none is named. `tls_first`:
    TLS from the first octet, which is left to whoever connects."""

    endpoint: str
    host: str = ""
    tls_first: bool = False


def parse_client_endpoint(text: str) -> ClientEndpoint:
    """Return what a client endpoint description says. Raises BadEndpoint."""
    words, names = split(text)
    kind, *words = words
    if kind not in _KINDS:
        return _plugin(kind, text)
    known = _KINDS[kind]
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise BadEndpoint(f"{text!r}: {kind} has no {unknown[0]!r}; it knows {', '.join(known)}")
    if len(words) > (1 if kind == "unix" else 2):
        raise BadEndpoint(
            f"{text!r} has too many parts; write a backslash before a colon that is part of an "
            'address, "tcp:\\\\:\\\\:1:25"'
        )
    given = dict(zip(known, words, strict=False)) | names
    if kind == "unix":
        return ClientEndpoint(_written("unix", _needed(given, "path", text)))
    _check_port(_needed(given, "port", text), text)
    host = _needed(given, "host", text)
    return ClientEndpoint(_written("tcp", given), host["host"], kind == "tls")


def _needed(given: dict[str, str], name: str, text: str) -> dict[str, str]:
    if not given.get(name):
        raise BadEndpoint(f"{text!r} lacks its {name}; {_EXAMPLE}")
    return given


def _check_port(given: dict[str, str], text: str) -> None:
    port = given["port"]
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise BadEndpoint(f"the port {port!r} of {text!r} is no number from 1 to 65535")


def _written(kind: str, given: dict[str, str]) -> str:
    return ":".join([kind, *(f"{name}={quote(value)}" for name, value in given.items())])


def _plugin(kind: str, text: str) -> ClientEndpoint:
    """Kinds that other packages bring. Looked up only here: it imports every Twisted plugin."""
    from twisted.internet.interfaces import IStreamClientEndpointStringParserWithReactor
    from twisted.plugin import getPlugins

    found = getPlugins(IStreamClientEndpointStringParserWithReactor)
    if kind and any(parser.prefix.lower() == kind.lower() for parser in found):
        return ClientEndpoint(text)
    raise BadEndpoint(f"there is no kind of endpoint {kind!r} in {text!r}; {_EXAMPLE}")

"""Endpoints with an address before the port, and suggestions for texts that are no endpoints.

Twisted needs the port first, and a backslash before each colon of an IPv6 address. `twisted_form`
translates `tcp:[::1]:25` and `tcp:127.0.0.1:25`. `server_meant` and `client_meant` guess the
endpoint that a wrong text stands for, so that the error can show it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

_SCOPE = r"(?:%[A-Za-z0-9_.-]+)?"
_BRACKETED = re.compile(rf"(?<![^:=])(?<!\\:)\[([0-9A-Fa-f:.]+{_SCOPE})\](?=:|\Z)")
_HOST_FIRST = re.compile(
    rf"((?:haproxy:)?)tcp6?:((?:[0-9A-Fa-f.]|\\:)+{_SCOPE}|localhost):([0-9]+)((?::.*)?)",
    re.DOTALL,
)
_PREFIX = re.compile(r"((?:haproxy:)?)(?:([A-Za-z0-9]+):)?(?://)?(.*)", re.DOTALL)
_PORT_FIRST = re.compile(r"([0-9]+):(?:interface=)?(.*)")
_PORT_LAST = re.compile(r"(.*):([0-9]+)")
_AT = re.compile(r"([0-9]+)@(.+)")  # how milters are written for Sendmail
_ALL = ("", "*", "0.0.0.0")
PORTS = {
    "smtp": 25,
    "submission": 587,
    "submissions": 465,
    "smtps": 465,
    "lmtp": 24,
    "imap": 143,
    "imaps": 993,
    "pop3": 110,
    "pop3s": 995,
}


def unbracketed(text: str) -> str:
    """Return an endpoint with `[::1]` as Twisted reads it: no brackets, backslashes."""
    return _BRACKETED.sub(lambda found: _escaped(found[1]) if _is_v6(found[1]) else found[0], text)


def twisted_form(text: str) -> str:
    """Return a server endpoint as Twisted reads it: `tcp:[::1]:25` as `tcp6:25:interface=\\:\\:1`.

    A text of another form is returned as it is.
    """
    plain = unbracketed(text)
    found = _HOST_FIRST.fullmatch(plain)
    if not found:
        return plain
    proxied, host, port, rest = found.groups()
    address = host.replace("\\", "")
    if host != "localhost" and not is_address(address):
        return plain
    kind = "tcp6" if _is_v6(address) else "tcp"
    return f"{proxied}{kind}:{port}:interface={host}{rest}"


def server_meant(text: str) -> Iterator[str]:
    """Yield server endpoints that the author of `text` may have meant, the likeliest first."""
    proxied, kind, rest = _taken_apart(text)
    port = PORTS.get(kind.lower()) or PORTS.get(rest.lower())
    if port and rest.lower() in ("", *PORTS):
        yield f"{proxied}tcp:{port}"
    for host, number in _host_and_port(rest):
        yield f"{proxied}tcp:{number}" if host in _ALL else f"{proxied}tcp:{host}:{number}"
    if is_address(rest.strip("[]")):
        yield f"{proxied}tcp:{_bracketed(rest)}:{port or 25}"
    if rest.isdigit():
        yield f"{proxied}tcp:{rest}"
    if rest.startswith("/"):
        yield f"{proxied}unix:{rest}"


def client_meant(text: str) -> Iterator[str]:
    """Yield client endpoints that the author of `text` may have meant, the likeliest first."""
    _, kind, rest = _taken_apart(text)
    tls = "tls" if kind.lower() in ("smtps", "submissions", "tls", "ssl") else "tcp"
    at = _AT.fullmatch(rest)
    if at:
        yield f"tcp:{at[2]}:{at[1]}"
    for host, number in _host_and_port(rest):
        yield f"{tls}:{host}:{number}"
    port = PORTS.get(kind.lower(), 25)
    if ("." in rest or rest == "localhost") and ":" not in rest and "/" not in rest:
        yield f"{tls}:{rest}:{port}"
    if _is_v6(rest.strip("[]")):
        yield f"{tls}:{_bracketed(rest)}:{port}"
    if rest.startswith("/"):
        yield f"unix:{rest}"


def _taken_apart(text: str) -> tuple[str, str, str]:
    """`haproxy:` if it is there, the kind, and the rest. A host before a port is no kind."""
    found = _PREFIX.fullmatch(text.strip())
    if not found:
        return "", "", text
    proxied, kind, rest = found.groups("")
    known = kind.lower() in ("tcp", "tcp6", "tls", "ssl", "unix", "inet", "inet6", "local", *PORTS)
    return (proxied, kind, rest) if known or not kind else (proxied, "", f"{kind}:{rest}")


def _host_and_port(text: str) -> Iterator[tuple[str, str]]:
    """Yield the host (IPv6 in brackets) and port in a text with both, in either order."""
    first, last = _PORT_FIRST.fullmatch(text), _PORT_LAST.fullmatch(text)
    pairs = [(last[1], last[2])] if last else []
    if first:
        pairs.insert(0 if first[2].startswith("::") else 1, (first[2], first[1]))
    for host, port in pairs:
        bare = host.strip("[]").replace("\\", "")
        if _is_v6(bare):
            yield f"[{bare}]", port
        elif (":" not in host and host and not host.isdigit()) or host in _ALL:
            yield host, port


def _is_v6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def is_address(text: str) -> bool:
    """True for an IP address, without brackets."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _bracketed(address: str) -> str:
    bare = address.strip("[]")
    return f"[{bare}]" if ":" in bare else bare


def _escaped(text: str) -> str:
    return text.replace(":", "\\:")

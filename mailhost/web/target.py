"""Reads the target of a request and its Host field (RFC 9112 §3.2), without I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

MOST_QUERY_FIELDS = 30
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:\[\]/?#@\s]+)(?::[0-9]*)?")


class BadTarget(ValueError):
    """A request that cannot be answered; the text of the exception is for the client."""


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a request: see the fields of WebRequest."""

    host: str
    path: str
    query: Mapping[str, str]
    query_text: str


def read_target(target: bytes, hosts: Sequence[bytes]) -> Target:
    """Read a request target in origin-form, in absolute-form or `*`. `hosts` are the values of the
    Host fields; the host in an absolute-form comes before them. Raises BadTarget."""
    if len(hosts) != 1:
        raise BadTarget("A request needs one Host field.")
    text, host = target.decode("latin-1"), hosts[0].decode("latin-1")
    if text.startswith("/") or text == "*":
        path, _, query = text.partition("?")
    else:
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise BadTarget("The request target is malformed.") from error
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise BadTarget("The request target must be a path or an address of HTTP.")
        path, query, host = parts.path or "/", parts.query, parts.netloc
    return Target(host_name(host), path, _query(query), query)


def host_name(host: str) -> str:
    """Return the name in a Host field in lower case, without the port and without a dot at the
    end; empty for a malformed one. An IPv6 address keeps its brackets."""
    match = _HOST.fullmatch(host.strip().lower())
    return match[1].removesuffix(".") if match else ""


def _query(text: str) -> dict[str, str]:
    try:
        fields = parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_QUERY_FIELDS)
    except ValueError as error:
        raise BadTarget("The query of the request has too many fields.") from error
    found: dict[str, str] = {}
    for name, value in fields:
        found.setdefault(name.lower(), value)
    return found

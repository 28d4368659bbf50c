"""How settings are written: sizes, times, names, secrets. Each type says what it wants to read.

A wrong value raises ValueError with the remedy in its words; pydantic puts the key in front.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

from mailhost.message.address import (
    Address,
    BadAddress,
    parse_address,
    parse_domain,
)

_SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_TIME_UNITS = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "d": 86400}
_TIME_UNITS |= {"m": 60, "day": 86400, "week": 604800, "": 1}
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def _size(value: Any) -> int:
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not match or match[2].lower() not in _SIZE_UNITS:
        raise ValueError('write a size such as "50 MB", "20 GiB" or a number of bytes')
    return int(float(match[1]) * _SIZE_UNITS[match[2].lower()])


def _time(value: Any) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return float(value)
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    unit = match[2].lower() if match else "?"
    unit = unit if unit in _TIME_UNITS else unit.removesuffix("s")
    if not match or unit not in _TIME_UNITS:
        raise ValueError('write a time such as "30 seconds", "5 minutes", "4 hours" or "5 days"')
    return float(match[1]) * _TIME_UNITS[unit]


def _domain(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('write a domain name such as "example.com"')
    try:
        return parse_domain(value)
    except BadAddress as error:
        raise ValueError(str(error)) from error


def _pattern(value: Any) -> str:
    if value == "*":
        return "*"
    if isinstance(value, str) and value.startswith("*."):
        return "*." + _domain(value[2:])
    return _domain(value)


def _mail_address(value: Any) -> Address:
    if isinstance(value, Address):
        return value
    if not isinstance(value, str):
        raise ValueError('write an address such as "ann@example.com"')
    try:
        return parse_address(value)
    except BadAddress as error:
        raise ValueError(str(error)) from error


def _account_name(value: Any) -> str:
    if not isinstance(value, str) or "@" in value:
        raise ValueError('write the name before the @ alone, such as "ann"')
    try:
        return parse_address(f"{value}@localhost").local
    except BadAddress as error:
        raise ValueError(f"{value!r} cannot stand before the @ of an address") from error


def _target(value: Any) -> str:
    if isinstance(value, str) and "@" not in value:
        return _account_name(value)
    return str(_mail_address(value))


def _server_address(value: Any) -> str:
    words = 'write an IP address and a port, such as "127.0.0.1:53" or "[::1]:53"'
    if not isinstance(value, str):
        raise ValueError(words)
    host, port = split_host_port(value, 53)
    try:
        ip_address(host)
    except ValueError as error:
        raise ValueError(words) from error
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _client_endpoint(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError('write a host and a port, such as "smtp.isp.example:587"')
    host, port = split_host_port(value, 25)
    if not host or not 0 < port < 65536:
        raise ValueError('write a host and a port, such as "smtp.isp.example:587"')
    return value


def split_host_port(text: str, default: int) -> tuple[str, int]:
    """Split `host:port`, `[v6]:port`, or either without a port. Raises ValueError."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no host and port")
        port = rest[1:]
    elif text.count(":") > 1:
        host, port = text, ""
    else:
        host, _, port = text.partition(":")
    return host, int(port) if port else default


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a secret lies: a file or a variable of the environment. Never the secret itself."""

    file: str = ""
    env: str = ""

    def __str__(self) -> str:
        return f"file {self.file}" if self.file else f"variable {self.env}"


def _secret(value: Any) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, where),) = value.items()
        if kind in ("file", "env") and isinstance(where, str) and where:
            return Secret(**{kind: where})
    raise ValueError(
        'a secret is never written here; write { file = "secrets/name" } or { env = "NAME" }'
    )


Bytes = Annotated[int, BeforeValidator(_size)]
Seconds = Annotated[float, BeforeValidator(_time)]
DomainName = Annotated[str, BeforeValidator(_domain)]
DomainPattern = Annotated[str, BeforeValidator(_pattern)]
MailAddress = Annotated[Address, BeforeValidator(_mail_address), PlainSerializer(str)]
AccountName = Annotated[str, BeforeValidator(_account_name)]
Target = Annotated[str, BeforeValidator(_target)]
ServerAddress = Annotated[str, BeforeValidator(_server_address)]
ServerEndpoint = Annotated[str, "a Twisted server endpoint description"]
ClientEndpoint = Annotated[str, BeforeValidator(_client_endpoint)]
SecretSource = Annotated[Secret, BeforeValidator(_secret)]

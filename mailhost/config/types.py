"""The types of single settings: sizes, times, names, secrets. Each type explains in its error which
text it accepts.

A wrong value raises ValueError with the remedy in its text; pydantic puts the key in front.
Relative paths are joined with the folder in the context of the validation, if there is one.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, Any

import idna
import regex
from pydantic import BeforeValidator, PlainSerializer, ValidationInfo

from mailhost.config.capabilities import capability
from mailhost.config.client_endpoint import absolute_client_endpoint
from mailhost.config.endpoint import BadEndpoint, absolute_endpoint
from mailhost.interfaces.accounts import name_fault
from mailhost.message.address import (
    Address,
    BadAddress,
    parse_address,
    parse_domain,
    parse_own_address,
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
LARGEST_SIZE = 2**60
LONGEST_LINE = 200  # characters
LONGEST_TIME = 10 * 365 * 86400.0
_TIME_UNITS |= {"m": 60, "day": 86400, "week": 604800, "": 1}
_ACCOUNT_ID = re.compile(r"[0-9a-f]{32}")
_HOST = re.compile(r"[A-Za-z0-9_.:%-]+")
_SPF_MECHANISM = re.compile(r"(?:include|a|mx|exists|ip4|ip6):[!-~]{1,200}", re.IGNORECASE)
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_SELECTOR = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?")
_QUANTITY = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*")


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("write a whole number, without quotes")
    return value


def _one_line(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_LINE:
        raise ValueError(f"write a text of one line, of at most {LONGEST_LINE} characters")
    return value.strip()


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false, without quotes")
    return value


def _path(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("write the path of a file or folder")
    return _below(value, info)


def _optional_path(value: Any, info: ValidationInfo) -> str:
    return "" if value == "" else _path(value, info)


def _command(value: Any, info: ValidationInfo) -> tuple[str, ...]:
    parts = [value] if isinstance(value, str) and value else value or ()
    if not isinstance(parts, list | tuple) or not all(isinstance(e, str) and e for e in parts):
        raise ValueError("write the path of a program, or a list of the path and its arguments")
    return (_below(parts[0], info), *parts[1:]) if parts else ()


def _below(path: str, info: ValidationInfo) -> str:
    if info.context is None:
        return path
    return os.path.normpath(os.path.join(info.context["folder"], os.path.expanduser(path)))


def _size(value: Any) -> int:
    amount = _quantity(value, _SIZE_UNITS)
    if not 0 <= amount <= LARGEST_SIZE:
        raise ValueError('write a size such as "50 MB", "20 GiB" or a number of bytes')
    return int(amount)


def duration(text: str) -> float:
    """Return the seconds of a time such as "2 hours". Raises ValueError."""
    return _time(text)


def _time(value: Any) -> float:
    amount = _quantity(value, _TIME_UNITS)
    if not 0 <= amount <= LONGEST_TIME:
        raise ValueError('write a time such as "30 seconds", "5 minutes", "4 hours" or "5 days"')
    return float(amount)


def _quantity(value: Any, units: dict[str, int]) -> float:
    """Return the value of a number, or of a text with a number and a unit; -1 for anything else."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value if units is _TIME_UNITS or isinstance(value, int) else -1
    match = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    unit = match[2].lower() if match else "?"
    unit = unit if unit in units else unit.removesuffix("s")
    if not match or unit not in units:
        return -1
    return float(match[1]) * units[unit]


def _domain(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError('write a domain name such as "example.com"')
    try:
        return parse_domain(value)
    except BadAddress as error:
        bare = value.removesuffix(".") if value.endswith(".") else ""
        remedy = f'write "{bare}", without the dot' if bare else 'write one such as "example.com"'
        raise ValueError(f"{error}; {remedy}") from error


def _pattern(value: Any) -> str:
    if value == "*":
        return "*"
    if isinstance(value, str) and value.startswith("*."):
        return "*." + _domain(value[2:])
    return _domain(value)


def _mx_pattern(value: Any) -> str:
    """A name of MX hosts in a policy of MTA-STS (RFC 8461 §4.1)."""
    if value == "*":
        raise ValueError('write the name of a host, or one such as "*.example.com"')
    return _pattern(value)


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
        return parse_own_address(f"{value}@localhost").local
    except BadAddress as error:
        raise ValueError(f"{value!r} is not allowed before the @ of an address") from error


def _device_name(value: Any) -> str:
    fault = name_fault(value) if isinstance(value, str) else "write a text"
    if fault:
        raise ValueError(fault)
    return str(value)


def _account_id(value: Any) -> str:
    if not isinstance(value, str) or not _ACCOUNT_ID.fullmatch(value):
        raise ValueError("write 32 hexadecimal digits in lower case, as `mailhost export` does")
    return value


def _target(value: Any) -> str:
    if isinstance(value, str) and "@" not in value:
        _account_name(value)
        return value
    return str(_mail_address(value))


def _server_address(value: Any) -> str:
    text = 'write an IP address and a port, such as "127.0.0.1:53" or "[::1]:53"'
    if not isinstance(value, str):
        raise ValueError(text)
    try:
        host, port = split_host_port(value, 53)
        ip_address(host)
    except ValueError as error:
        raise ValueError(text) from error
    if not 0 < port < 65536:
        raise ValueError(text)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _network(value: Any) -> IPv4Network | IPv6Network:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    text = 'write an IP network such as "192.0.2.0/24", or one address'
    if not isinstance(value, str):
        raise ValueError(text)
    try:
        return ip_network(value)
    except ValueError as error:
        raise ValueError(f"{_network_meant(value) or text} ({error})") from error


def _network_meant(text: str) -> str:
    """Return the remedy for a network with host bits, an empty text for other texts."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return ""
    return f'write "{network}", or the address alone'


def _public_address(value: Any) -> str:
    try:
        return str(ip_address(value if isinstance(value, str) else ""))
    except ValueError as error:
        raise ValueError('write an IP address such as "192.0.2.1"') from error


def _spf_mechanism(value: Any) -> str:
    if not isinstance(value, str) or not _SPF_MECHANISM.fullmatch(value):
        raise ValueError('write a mechanism of SPF such as "include:_spf.isp.example"')
    return value


def _server_endpoint(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError('write an endpoint in quotes, such as "tcp:25"')
    folder = info.context["folder"] if info.context else ""
    try:
        return absolute_endpoint(value, folder)
    except BadEndpoint as error:
        raise ValueError(str(error)) from error


def _upstream(value: Any, info: ValidationInfo) -> str:
    if not isinstance(value, str):
        raise ValueError('write an endpoint in quotes, such as "tcp:10.0.0.5:25"')
    folder = info.context["folder"] if info.context else ""
    return absolute_client_endpoint(value, folder)  # BadEndpoint is a ValueError


def _certificate_name(value: Any) -> str:
    if value == "":
        return ""
    name = normal_certificate_name(value) if isinstance(value, str) else ""
    if not name:
        raise ValueError('write the host name in the certificate, such as "mail.example.com"')
    return name


def _host_name(value: Any) -> str:
    name = normal_certificate_name(value) if isinstance(value, str) else ""
    if not name:
        raise ValueError('write the name or the IP address of a host, such as "mx.example.net"')
    return name


def normal_certificate_name(host: str) -> str:
    """Return the host or IP address in the form of a certificate, empty if no certificate can be
    for it."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return idna.encode(parse_domain(host)).decode("ascii")  # no underscores, no literals
    except (BadAddress, UnicodeError):
        return ""


def _upstreams(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


def _client_endpoint(value: Any) -> str:
    text = 'write a host and a port, such as "smtp.isp.example:587" or "[2001:db8::1]:25"'
    if not isinstance(value, str):
        raise ValueError(text)
    try:
        host, port = split_host_port(value, 25)
        if ":" in host:
            ip_address(host)
    except ValueError as error:
        raise ValueError(f"{text}, not {value!r}") from error
    if not _HOST.fullmatch(host) or not 0 < port < 65536:
        raise ValueError(f"{text}, not {value!r}")
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


def _expression(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("write a regular expression in single quotes, such as 'win .* prize'")
    try:
        regex.compile(value)
    except regex.error as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error
    return value


def _field_name(value: Any) -> str:
    if not isinstance(value, str) or not _FIELD_NAME.fullmatch(value):
        raise ValueError('write the name of a header field, without its colon, such as "Subject"')
    return value


def _optional_field_name(value: Any) -> str:
    return "" if value == "" else _field_name(value)


def _field_value(value: Any) -> str:
    if not isinstance(value, str) or not value.isprintable() or len(value) > 800:
        raise ValueError("write one line of text, 800 characters at most")
    return value


def _selector(value: Any) -> str:
    if value == "":
        return ""
    if not isinstance(value, str) or not _SELECTOR.fullmatch(value):
        raise ValueError('write letters a to z, digits and hyphens, such as "mail", or ""')
    return value


@dataclass(frozen=True, slots=True)
class Secret:
    """The source of a secret: a file or an environment variable. It never has the secret itself."""

    file: str = ""
    env: str = ""

    def __str__(self) -> str:
        return f"file {self.file}" if self.file else f"variable {self.env}"


def _secret(value: Any, info: ValidationInfo) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, dict) and len(value) == 1:
        ((kind, where),) = value.items()
        if kind == "file" and isinstance(where, str) and where:
            return Secret(file=_below(where, info))
        if kind == "env" and isinstance(where, str) and where:
            return Secret(env=where)
    raise ValueError(
        'a secret is never written here; write { file = "secrets/name" } or { env = "NAME" }'
    )


OneLine = Annotated[str, BeforeValidator(_one_line)]
Capability = Annotated[str, BeforeValidator(capability)]
Count = Annotated[int, BeforeValidator(_count)]
Switch = Annotated[bool, BeforeValidator(_switch)]
Path = Annotated[str, BeforeValidator(_path)]
OptionalPath = Annotated[str, BeforeValidator(_optional_path)]
Command = Annotated[tuple[str, ...], BeforeValidator(_command)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network)]
PublicAddress = Annotated[str, BeforeValidator(_public_address)]
SPFMechanism = Annotated[str, BeforeValidator(_spf_mechanism)]
Bytes = Annotated[int, BeforeValidator(_size)]
Seconds = Annotated[float, BeforeValidator(_time)]
DomainName = Annotated[str, BeforeValidator(_domain)]
DomainPattern = Annotated[str, BeforeValidator(_pattern)]
MXPattern = Annotated[str, BeforeValidator(_mx_pattern)]
MailAddress = Annotated[Address, BeforeValidator(_mail_address), PlainSerializer(str)]
AccountId = Annotated[str, BeforeValidator(_account_id)]
AccountName = Annotated[str, BeforeValidator(_account_name)]
Target = Annotated[str, BeforeValidator(_target)]
ServerAddress = Annotated[str, BeforeValidator(_server_address)]
ServerEndpoint = Annotated[str, BeforeValidator(_server_endpoint)]
Upstream = Annotated[str, BeforeValidator(_upstream)]
CertificateName = Annotated[str, BeforeValidator(_certificate_name)]
HostName = Annotated[str, BeforeValidator(_host_name)]
Upstreams = Annotated[tuple[Upstream, ...], BeforeValidator(_upstreams)]
DeviceName = Annotated[str, BeforeValidator(_device_name)]
ClientEndpoint = Annotated[str, BeforeValidator(_client_endpoint)]
Expression = Annotated[str, BeforeValidator(_expression)]
FieldName = Annotated[str, BeforeValidator(_field_name)]
OptionalFieldName = Annotated[str, BeforeValidator(_optional_field_name)]
FieldValue = Annotated[str, BeforeValidator(_field_value)]
Selector = Annotated[str, BeforeValidator(_selector)]
SecretSource = Annotated[Secret, BeforeValidator(_secret)]

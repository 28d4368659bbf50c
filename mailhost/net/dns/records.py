"""The records of an answer as typed values, and the names in them.

The names of hosts (MX, A, AAAA) are those that a host can have, since they appear in replies,
reports and logs. The records of other types also stand at names with underscores.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv6Address
from typing import Any

from twisted.names import dns

from mailhost.interfaces.dns import CAARecord, MXRecord, NoPossibleHost, SRVRecord, TLSARecord
from mailhost.message.address import BadAddress, parse_domain

MOST_RECORDS = 64  # of one answer that are kept; TXT records are bounded by the size of the answer
LONGEST_NAME = 253  # characters of a name without a final dot (RFC 1035 §3.1)
TYPES = {"MX": dns.MX, "A": dns.A, "AAAA": dns.AAAA, "TXT": dns.TXT, "PTR": dns.PTR, "TLSA": 52}
TYPES |= {"SRV": dns.SRV, "NS": dns.NS, "CNAME": dns.CNAME, "CAA": 257}
_NOT_FOLLOWED = ("NS", "CNAME")  # at the very name of the question alone
_FOR_HOSTS = ("MX", "A", "AAAA")
_NAME = re.compile(r"(?:[!-\-/-~]{1,63}\.)*[!-\-/-~]{1,63}\.?")


def can_be_asked(name: str) -> bool:
    """True for a name that a question can carry: labels of 1 to 63 printable characters, 253 in
    all (RFC 1035 §3.1)."""
    return len(name.removesuffix(".")) <= LONGEST_NAME and _NAME.fullmatch(name) is not None


def is_possible_target(kind: str, name: str) -> bool:
    """True for a name that a CNAME may lead to in an answer with records of this type."""
    return is_possible_host(name) if kind in _FOR_HOSTS else can_be_asked(name)


def is_possible_host(host: str) -> bool:
    """True for a name that a host can have, and for the empty one of a null MX."""
    try:
        return not host or parse_domain(host) == host
    except BadAddress:
        return False


def follow(kind: str, name: str, answers: Sequence[Any]) -> tuple[str, bool]:
    """Return the name at the end of the CNAMEs in an answer, and whether there were any."""
    if kind in _NOT_FOLLOWED:
        return name.lower().rstrip("."), False
    aliases = {
        _name(record.name): _name(record.payload.name)
        for record in answers
        if record.type == dns.CNAME
    }
    end, seen = name.lower().rstrip("."), set[str]()
    while end in aliases and end not in seen:
        seen.add(end)
        end = aliases[end]
    return end, bool(seen)


def records_of(answers: Sequence[Any], name: str, kind: str) -> tuple[Any, ...]:
    """Return the records of one type and name, MX records by preference."""
    wanted = TYPES[kind]
    payloads = [
        each.payload for each in answers if each.type == wanted and _name(each.name) == name
    ]
    found = [record for record in map(_READ[kind], payloads) if record is not None]
    if kind == "TXT":
        return tuple(found)
    if kind == "MX":
        found.sort(key=lambda record: int(record.preference))
    return tuple(found[:MOST_RECORDS])


def refuse_impossible_hosts(answers: Sequence[Any]) -> None:
    """Raise NoPossibleHost where an answer without a usable MX record has others."""
    for record in answers:
        if record.type == dns.MX:
            raise NoPossibleHost(f"{ascii(_name(record.payload.name))[:100]} is no host name")


def _name(name: Any) -> str:
    """A name as text; octets outside ASCII make it none that is looked for."""
    return str(name.name.decode("latin-1")).lower().rstrip(".")


def _mx(payload: Any) -> MXRecord | None:
    host = _name(payload.name)
    return MXRecord(int(payload.preference), host) if is_possible_host(host) else None


def _a(payload: Any) -> str:
    return str(payload.dottedQuad())


def _aaaa(payload: Any) -> str:
    return str(IPv6Address(payload.address))


def _txt(payload: Any) -> bytes:
    return b"".join(payload.data)


def _named(payload: Any) -> str | None:
    name = _name(payload.name)
    return name if can_be_asked(name) else None


def _srv(payload: Any) -> SRVRecord | None:
    target = _name(payload.target)
    if not is_possible_host(target):
        return None
    return SRVRecord(int(payload.priority), int(payload.weight), int(payload.port), target)


def _tlsa(payload: Any) -> TLSARecord | None:
    """twisted.names does not know this type, and keeps its octets (RFC 6698 §2.1)."""
    octets: bytes = payload.data
    return TLSARecord(octets[0], octets[1], octets[2], octets[3:]) if len(octets) > 3 else None


def _caa(payload: Any) -> CAARecord | None:
    """twisted.names does not know this type, and keeps its octets (RFC 8659 §4.1)."""
    octets: bytes = payload.data
    if len(octets) < 2 or not 0 < octets[1] <= len(octets) - 2:
        return None
    end = 2 + octets[1]
    tag, value = (part.decode("ascii", "replace") for part in (octets[2:end], octets[end:]))
    return CAARecord(octets[0], tag.lower(), value)


_READ: Mapping[str, Callable[[Any], Any]] = {
    "MX": _mx,
    "A": _a,
    "AAAA": _aaaa,
    "TXT": _txt,
    "PTR": _named,
    "NS": _named,
    "CNAME": _named,
    "SRV": _srv,
    "TLSA": _tlsa,
    "CAA": _caa,
}

"""SPF records as values (RFC 7208 §4.5, §4.6, §5, §6, §12)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network

from mailhost.spf.macros import BadMacro, MacroString, parse_macros

LONGEST_RECORD = 8192  # octets
_BEGINNING = re.compile(rb"v=spf1(?: |$)", re.IGNORECASE)
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9_.-]*)=(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"([+?~-]?)([A-Za-z][A-Za-z0-9]*)(.*)", re.DOTALL)
_PREFIX = r"0|[1-9][0-9]{0,2}"
_PREFIXES = re.compile(rf"(.*?)(?:/({_PREFIX}))?(?://({_PREFIX}))?", re.DOTALL)
# the end of a name: a label that is not all digits, or a macro (RFC 7208 §7.1 domain-end)
_NAME_END = re.compile(
    r"(?:\.(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])\.?"
    r"|%\{[^{}%]*\}|%[%_-])$"
)


class Qualifier(Enum):
    """The result of a mechanism that matches; the values are the names of the results."""

    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"


_QUALIFIERS = {
    "": Qualifier.PASS,
    "+": Qualifier.PASS,
    "-": Qualifier.FAIL,
    "~": Qualifier.SOFTFAIL,
    "?": Qualifier.NEUTRAL,
}
_MAY_NAME = frozenset({"a", "mx", "ptr"})
_MUST_NAME = frozenset({"include", "exists"})


class BadRecord(ValueError):
    """A record with a fault; the text of the exception says which."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """One mechanism. `target` is None for the domain that is being checked, `network` is that of
    ip4 and ip6, the prefixes are those of a and mx."""

    qualifier: Qualifier
    kind: str
    target: MacroString | None = None
    network: IPv4Network | IPv6Network | None = None
    prefix4: int = 32
    prefix6: int = 128
    text: str = ""


@dataclass(frozen=True, slots=True)
class SPFRecord:
    """The mechanisms in order, and the two modifiers that have a meaning."""

    mechanisms: tuple[Mechanism, ...]
    redirect: MacroString | None = None
    explanation: MacroString | None = None


def is_spf(record: bytes) -> bool:
    """True for a TXT record that is one of SPF."""
    return _BEGINNING.match(record) is not None


@lru_cache(maxsize=1000)
def parse_record(record: bytes) -> SPFRecord:
    """Read a whole record, as a fault anywhere makes all of it invalid. Raises BadRecord.

    Records are remembered: a domain that sends much mail is checked again and again.
    """
    if len(record) > LONGEST_RECORD:
        raise BadRecord(f"the record has more than {LONGEST_RECORD} octets")
    if not record.isascii():
        raise BadRecord("the record has an octet that is not in ASCII")
    mechanisms: list[Mechanism] = []
    modifiers = dict[str, MacroString]()
    for term in _terms(record):
        modifier = _MODIFIER.fullmatch(term)
        try:
            if modifier is None:
                mechanisms.append(_mechanism(term))
                continue
            _add_modifier(modifiers, modifier[1].lower(), modifier[2])
        except BadMacro as bad:
            raise BadRecord(f"{ascii(term)[:60]}: {bad}") from bad
    return SPFRecord(tuple(mechanisms), modifiers.get("redirect"), modifiers.get("exp"))


def _terms(record: bytes) -> Iterable[str]:
    return filter(None, record.decode("ascii").split(" ")[1:])


def _add_modifier(modifiers: dict[str, MacroString], name: str, value: str) -> None:
    if name not in ("redirect", "exp"):
        parse_macros(value)
        return
    if name in modifiers:
        raise BadRecord(f"the modifier {name} appears twice")
    modifiers[name] = _name(value)


def _mechanism(term: str) -> Mechanism:
    """Read one mechanism. Raises BadRecord, BadMacro."""
    match = _DIRECTIVE.fullmatch(term)
    if match is None:
        raise BadRecord(f"{ascii(term)[:60]} is no mechanism")
    qualifier, kind, rest = _QUALIFIERS[match[1]], match[2].lower(), match[3]
    if kind == "all" and not rest:
        return Mechanism(qualifier, kind, text=term)
    if kind in ("ip4", "ip6") and rest.startswith(":"):
        return Mechanism(qualifier, kind, network=_network(kind, rest[1:]), text=term)
    if kind in _MUST_NAME and rest.startswith(":"):
        return Mechanism(qualifier, kind, _name(rest[1:]), text=term)
    if kind in _MAY_NAME:
        return _with_prefixes(Mechanism(qualifier, kind, text=term), rest)
    raise BadRecord(f"{ascii(term)[:60]} is no mechanism")


def _with_prefixes(bare: Mechanism, rest: str) -> Mechanism:
    match = _PREFIXES.fullmatch(rest)
    if match is None:
        raise BadRecord(f"{ascii(bare.text)[:60]} is no mechanism")
    name, prefix4, prefix6 = match[1], int(match[2] or 32), int(match[3] or 128)
    if (bare.kind == "ptr" and name != rest) or prefix4 > 32 or prefix6 > 128:
        raise BadRecord(f"{ascii(bare.text)[:60]} has a wrong prefix length")
    if name and not name.startswith(":"):
        raise BadRecord(f"{ascii(bare.text)[:60]} is no mechanism")
    target = _name(name[1:]) if name else None
    return Mechanism(bare.qualifier, bare.kind, target, None, prefix4, prefix6, bare.text)


def _network(kind: str, value: str) -> IPv4Network | IPv6Network:
    address, slash, prefix = value.partition("/")
    if slash and not re.fullmatch(_PREFIX, prefix):
        raise BadRecord(f"{ascii(value)[:60]} is no network")
    try:
        if kind == "ip4":
            return IPv4Network(f"{address}/{prefix or 32}", strict=False)
        if "%" in address:  # a scope, which is no part of an address in a record
            raise BadRecord(f"{ascii(value)[:60]} is no network")
        return IPv6Network(f"{address}/{prefix or 128}", strict=False)
    except ValueError as bad:
        raise BadRecord(f"{ascii(value)[:60]} is no network") from bad


def _name(value: str) -> MacroString:
    """Read a domain-spec (RFC 7208 §7.1)."""
    if not _NAME_END.search(value):
        raise BadRecord(f"{ascii(value)[:60]} is no domain name")
    return parse_macros(value)

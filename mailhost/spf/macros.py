"""Macro strings of SPF: parsing and expansion (RFC 7208 §7)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TypeAlias
from urllib.parse import quote

from mailhost.interfaces.dns import Lookups

LONGEST_NAME = 253  # characters of a domain name
LONGEST_EXPANSION = 4096  # characters
_UNRESERVED = "-._~"  # besides letters and digits (RFC 3986 §2.3)
_PART = re.compile(
    r"%\{([slodiphcrtv])([0-9]*)(r?)([.+,/_=-]*)\}|%([%_-])|([!-$&-~]+)", re.IGNORECASE
)
_TEXT_PART = re.compile(_PART.pattern.replace("[!-$", "[ -$"), re.IGNORECASE)
_ESCAPES = {"%": "%", "_": " ", "-": "%20"}
_ONLY_IN_EXPLANATIONS = frozenset("crt")


class BadMacro(ValueError):
    """A text that is no macro string."""


@dataclass(frozen=True, slots=True)
class Macro:
    """`%{...}`. `letter` is in lower case; `keep` is the number of labels at the right that are
    kept, None for all; `escaped` asks for the form that a URL can hold."""

    letter: str
    keep: int | None
    reverse: bool
    delimiters: str
    escaped: bool


MacroString: TypeAlias = "tuple[str | Macro, ...]"


@dataclass(frozen=True, slots=True)
class Identity:
    """The values of macros: the client's address, the sender, its local part and domain, the name
    in HELO, the domain that is being checked; and the names of this host and the time, which are
    for explanations only."""

    ip: IPv4Address | IPv6Address
    local: str
    sender_domain: str
    domain: str
    hello: str
    receiver: str = "unknown"
    now: int = 0


ValidatedName: TypeAlias = "Callable[[], Lookups[str]]"
"""Looks up the name of the client that leads back to its address, `unknown` for none (`%{p}`)."""


def parse_macros(text: str, explanation: bool = False) -> MacroString:
    """Return the parts of a macro string. `explanation` allows blanks, and the macros c, r and t.
    Raises BadMacro."""
    parts: list[str | Macro] = []
    at = 0
    pattern = _TEXT_PART if explanation else _PART
    while at < len(text):
        match = pattern.match(text, at)
        if match is None:
            raise BadMacro(f"{text[at : at + 40]!a} is no macro string")
        letter, digits, reverse, delimiters, escape, literal = match.groups()
        if letter is None:
            parts.append(_ESCAPES[escape] if escape else literal)
        else:
            parts.append(_macro(letter, digits, bool(reverse), delimiters, explanation))
        at = match.end()
    return tuple(parts)


def _macro(letter: str, digits: str, reverse: bool, delimiters: str, explanation: bool) -> Macro:
    if letter.lower() in _ONLY_IN_EXPLANATIONS and not explanation:
        raise BadMacro(f"the macro {letter} is for explanations only")
    keep = int(digits[:6]) if digits else None
    if keep == 0:
        raise BadMacro("a macro that keeps no label")
    return Macro(letter.lower(), keep, reverse, delimiters or ".", letter.isupper())


def expand(parts: MacroString, identity: Identity, name: ValidatedName) -> Lookups[str]:
    """Return the text of a macro string."""
    expanded = ""
    for part in parts:
        if isinstance(part, Macro):
            value = (yield from name()) if part.letter == "p" else _VALUES[part.letter](identity)
            expanded += _transformed(part, value)
        else:
            expanded += part
        if len(expanded) > LONGEST_EXPANSION:
            break
    return expanded[:LONGEST_EXPANSION]


def expand_name(parts: MacroString, identity: Identity, name: ValidatedName) -> Lookups[str]:
    """Return the domain name of a macro string; labels at its left are dropped if it is too long
    (RFC 7208 §7.3)."""
    expanded = (yield from expand(parts, identity, name)).removesuffix(".")
    while len(expanded) > LONGEST_NAME and "." in expanded:
        expanded = expanded.partition(".")[2]
    return expanded


def _transformed(macro: Macro, value: str) -> str:
    if macro.keep is not None or macro.reverse or macro.delimiters != ".":
        labels = re.split(f"[{re.escape(macro.delimiters)}]", value)
        if macro.reverse:
            labels.reverse()
        if macro.keep is not None:
            labels = labels[-macro.keep :]
        value = ".".join(labels)
    return quote(value, safe=_UNRESERVED) if macro.escaped else value


def _dotted(ip: IPv4Address | IPv6Address) -> str:
    if isinstance(ip, IPv4Address):
        return str(ip)
    return ".".join(ip.exploded.replace(":", "").upper())


_VALUES: Mapping[str, Callable[[Identity], str]] = {
    "s": lambda identity: f"{identity.local}@{identity.sender_domain}",
    "l": lambda identity: identity.local,
    "o": lambda identity: identity.sender_domain,
    "d": lambda identity: identity.domain,
    "i": lambda identity: _dotted(identity.ip),
    "h": lambda identity: identity.hello,
    "c": lambda identity: str(identity.ip),
    "r": lambda identity: identity.receiver,
    "t": lambda identity: str(identity.now),
    "v": lambda identity: "in-addr" if isinstance(identity.ip, IPv4Address) else "ip6",
}

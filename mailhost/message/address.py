"""Mail addresses as values: parsing, normal form, printing (RFC 5321 §4.1.2, RFC 6531 §3.3).

The domain is kept as lower-case A-labels or as an address literal, so that two spellings of one
domain compare equal. The local part is kept as it was written; `Address.key` is its form for
comparison.

Addresses that other hosts made are read leniently: some have local parts longer than 64 octets
(forwarding by Gmail, VERP), or dots that no dot-string allows (`a..b` and `a.`, from Japanese
mobile networks). Such addresses are passed on as they were written.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

import idna

MAX_OWN_LOCAL_PART = 64  # octets, RFC 5321 §4.5.3.1.1
# RFC 5321 §4.5.3.1 asks hosts to have no limit where that is possible. With this limit a path fits
# a line of a trace field (998 octets, RFC 5322 §2.1.1) and, with its parameters, the command line.
MAX_LOCAL_PART = 640
MAX_DOMAIN = 255  # octets, RFC 5321 §4.5.3.1.2

# UTF8-non-ascii (RFC 6532 §3.1) without its control characters (RFC 5198 §2)
_UTF8 = "\u00a0-\u2027\u202a-\ud7ff\ue000-\U0010ffff"
_ATEXT = rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~\-{_UTF8}]"
_DOT_STRING = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_ATOMS_AND_DOTS = re.compile(rf"(?:{_ATEXT}|\.)+")
_QUOTED_STRING = re.compile(rf'"((?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*)"')
_LDH_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?")
_LITERAL = re.compile(r"\[(?:(?i:ipv6):([0-9A-Fa-f:.]+)|([0-9.]+))\]")


class BadAddress(ValueError):
    """The text is no address; the text of the exception says what is wrong with it."""


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """`local@domain`. `domain` is empty only for the bare `<postmaster>` of RFC 5321 §4.1.1.3.

    `unquoted` means that the local part was written without the quotes that RFC 5321 §4.1.2 demands
    for its dots; the address is then printed without quotes too. Both forms name the same mailbox.
    """

    local: str
    domain: str
    unquoted: bool = field(default=False, compare=False, repr=False)

    def __str__(self) -> str:
        plain = self.unquoted or _DOT_STRING.fullmatch(self.local)
        local = self.local if plain else _quote(self.local)
        return f"{local}@{self.domain}" if self.domain else local

    def __bytes__(self) -> bytes:
        return str(self).encode()

    @property
    def key(self) -> str:
        """The local part in the form by which addresses are compared: NFC, case-folded."""
        local = self.local
        if local.isascii():
            return local.lower()
        # canonical caseless matching, Unicode §3.13 D145
        return unicodedata.normalize("NFC", unicodedata.normalize("NFD", local).casefold())

    @property
    def ascii(self) -> bool:
        """True where the address can be sent to a host without SMTPUTF8."""
        return self.local.isascii()


def parse_address(text: str, *, lenient: bool = False) -> Address:
    """Return the address that `text` is; the text has no angle brackets.

    `lenient` is for addresses that other hosts send: dots may stand anywhere in the local part.
    Raises BadAddress. RFC 5321 §4.1.2 Mailbox, with RFC 6531 §3.3 for UTF-8.
    """
    unquoted = False
    quoted = _QUOTED_STRING.match(text)
    if quoted:
        local, end = re.sub(r"\\(.)", r"\1", quoted[1]), quoted.end()
    else:
        end = text.rfind("@")
        local = text[: max(end, 0)]
        if not _DOT_STRING.fullmatch(local):
            unquoted = lenient and _ATOMS_AND_DOTS.fullmatch(local) is not None
            if not unquoted:
                raise BadAddress(f"{text[:300]!r} is no address: expected name@domain")
    if text[end : end + 1] != "@":
        raise BadAddress(f"{text[:300]!r} is no address: expected name@domain")
    if not local or len(text[:end].encode()) > MAX_LOCAL_PART:
        raise BadAddress(f"the part before the @ must have 1 to {MAX_LOCAL_PART} octets")
    return Address(local, parse_domain(text[end + 1 :]), unquoted)


def parse_own_address(text: str) -> Address:
    """Return the address of an account or alias of this host, as `parse_address` does.

    The local part may have at most 64 octets, because other hosts need not accept more
    (RFC 5321 §4.5.3.1.1). Raises BadAddress.
    """
    address = parse_address(text)
    if len(address.local.encode()) > MAX_OWN_LOCAL_PART:
        raise BadAddress(f"the part before the @ must have 1 to {MAX_OWN_LOCAL_PART} octets")
    return address


@lru_cache(maxsize=4096)
def parse_domain(text: str) -> str:
    """Return the normal form of a domain or address literal: lower case, A-labels.

    Raises BadAddress. RFC 5321 §4.1.2 Domain, §4.1.3 address literals, RFC 5890.
    """
    if len(text) > MAX_DOMAIN:  # A-labels are never shorter than the text that they encode
        raise BadAddress(f"a domain has at most {MAX_DOMAIN} octets")
    if text.startswith("["):
        return _parse_literal(text)
    domain = text.lower()
    if not domain.isascii():
        try:
            domain = idna.encode(unicodedata.normalize("NFC", text), uts46=True).decode("ascii")
        except UnicodeError as error:  # IDNAError is one
            raise BadAddress(f"{text[:300]!r} is no domain name: {error}") from error
    if len(domain) > MAX_DOMAIN or not all(map(_LDH_LABEL.fullmatch, domain.split("."))):
        raise BadAddress(f"{text[:300]!r} is no domain name")
    return domain


def _parse_literal(text: str) -> str:
    match = _LITERAL.fullmatch(text)
    try:
        if match and match[1]:
            return f"[IPv6:{IPv6Address(match[1])}]"
        if match:
            return f"[{IPv4Address(match[2])}]"
    except ValueError as error:
        raise BadAddress(f"{text[:300]!r} is no address literal: {error}") from error
    raise BadAddress(f"{text[:300]!r} is no address literal")


def literal_address(domain: str) -> str | None:
    """Return the IP address inside a literal such as `[192.0.2.1]`, None for a name."""
    if not domain.startswith("["):
        return None
    return domain[1:-1].removeprefix("IPv6:")


def unicode_domain(domain: str) -> str:
    """Return the domain for display: with U-labels in place of A-labels (RFC 5890)."""
    if "xn--" not in domain:
        return domain
    try:
        return idna.decode(domain)
    except UnicodeError:
        return domain


def _quote(local: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'

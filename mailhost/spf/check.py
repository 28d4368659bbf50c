"""check_host() of RFC 7208 §4 as a machine that asks DNS by values.

The limits of §4.6.4 hold for one check as a whole: ten terms that need DNS, two look-ups without a
record, ten names of an MX or PTR look-up. The time is bounded where the machine is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from ipaddress import IPv4Address, ip_address, ip_network

from mailhost.interfaces.dns import (
    Found,
    Lookups,
    Question,
    Record,
    Reply,
    ask,
    ipv4_of,
    ipv6_of,
    mx_of,
    ptr_of,
    txt_of,
)
from mailhost.message.client import plain_address
from mailhost.message.domains import is_at_or_below
from mailhost.spf.macros import (
    LONGEST_NAME,
    BadMacro,
    Identity,
    MacroString,
    expand,
    expand_name,
    parse_macros,
)
from mailhost.spf.record import BadRecord, Mechanism, SPFRecord, is_spf, parse_record

MOST_TERMS = 10  # include, a, mx, ptr, exists and redirect in one check
MOST_VOID_LOOKUPS = 2  # look-ups without a record in one check
MOST_HOSTS = 10  # names of one MX or PTR look-up
MOST_FAILED_NAMES = 2  # names of the client whose look-ups fail, before the others are left out
LONGEST_EXPLANATION = 500  # characters
LONGEST_REASON = 300  # characters
_UNPRINTABLE = re.compile(r"[^ -~]")
_LABEL = r"[!-\-/-~]{1,63}"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")


class SPFStatus(Enum):
    """The results of RFC 7208 §2.6."""

    NONE = "none"
    NEUTRAL = "neutral"
    PASS = "pass"
    FAIL = "fail"
    SOFTFAIL = "softfail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class SPFResult:
    """The result for one identity.

    `mechanism` is the one that matched, as it is written. `reason` says why there was an error.
    `explanation` is by the sender's domain (exp=), for a fail only: foreign text in ASCII. `terms`
    counts those that needed DNS.
    """

    status: SPFStatus
    domain: str
    mechanism: str = ""
    reason: str = ""
    explanation: str = ""
    terms: int = field(default=0, compare=False)


class _Ended(Exception):
    """An error that ends the whole check."""

    def __init__(self, status: SPFStatus, reason: str) -> None:
        self.status = status
        self.reason = reason


def check_mail_from(
    ip: str, reverse_path: str, hello: str, receiver: str = "unknown", now: int = 0
) -> Lookups[SPFResult]:
    """Check the identity MAIL FROM (RFC 7208 §2.4). `ip` is the client's address; for the null
    reverse-path the identity is postmaster at the name in HELO."""
    local, at, domain = reverse_path.rpartition("@")
    if not at:
        local, domain = "", reverse_path or hello
    return check_host(ip, domain, local, hello, receiver, now)


def check_hello(ip: str, hello: str, receiver: str = "unknown", now: int = 0) -> Lookups[SPFResult]:
    """Check the identity HELO (RFC 7208 §2.3)."""
    return check_host(ip, hello, "", hello, receiver, now)


def check_host(
    ip: str, domain: str, local: str, hello: str, receiver: str = "unknown", now: int = 0
) -> Lookups[SPFResult]:
    """Return whether a client may use this domain. `now` is in seconds since 1970."""
    name = domain.removesuffix(".")
    if not _DOMAIN.fullmatch(name) or len(name) > LONGEST_NAME or name.startswith("["):
        return SPFResult(SPFStatus.NONE, domain, reason="this is no domain name")
    identity = Identity(plain_address(ip), local or "postmaster", name, name, hello, receiver, now)
    return (yield from _Check(identity).run(name, explained=True))


class _Check:
    """One check, with what it has used up."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._terms = 0
        self._void = 0
        self._names: list[str] | None = None  # those of the client, once they are looked up

    def run(self, domain: str, explained: bool = False) -> Lookups[SPFResult]:
        """Return the result for the sender's domain; errors are results."""
        try:
            return replace((yield from self._check(domain, explained)), terms=self._terms)
        except _Ended as ended:
            reason = _UNPRINTABLE.sub("?", ended.reason)[:LONGEST_REASON]
            return SPFResult(ended.status, domain, reason=reason, terms=self._terms)

    def _check(self, domain: str, explained: bool) -> Lookups[SPFResult]:
        """Return the result for a domain. Raises _Ended."""
        record = yield from self._record(domain)
        if record is None:
            return SPFResult(SPFStatus.NONE, domain, reason="there is no SPF record")
        for mechanism in record.mechanisms:
            if (yield from self._matches(mechanism, domain)):
                status = SPFStatus(mechanism.qualifier.value)
                text = ""
                if status is SPFStatus.FAIL and explained and record.explanation:
                    text = yield from self._explanation(record.explanation, domain)
                return SPFResult(status, domain, mechanism.text, explanation=text)
        if record.redirect is None:
            return SPFResult(SPFStatus.NEUTRAL, domain)
        return (yield from self._redirected(record.redirect, domain, explained))

    def _record(self, domain: str) -> Lookups[SPFRecord | None]:
        """Return the record of a domain, None for none (RFC 7208 §4.4, §4.5)."""
        reply = yield from self._ask(txt_of(domain))
        records = [record for record in reply.records if is_spf(record)]
        if not records:
            return None
        if len(records) > 1:
            raise _Ended(SPFStatus.PERMERROR, f"{domain} has several SPF records")
        try:
            return parse_record(records[0])
        except BadRecord as bad:
            raise _Ended(SPFStatus.PERMERROR, f"{domain}: {bad}") from bad

    def _redirected(self, target: MacroString, domain: str, explained: bool) -> Lookups[SPFResult]:
        self._count_term()
        name = yield from self._name(target, domain)
        result = yield from self._check(name, explained)
        if result.status is SPFStatus.NONE:
            raise _Ended(SPFStatus.PERMERROR, f"{domain} redirects to {name}, without a record")
        return result

    def _matches(self, mechanism: Mechanism, domain: str) -> Lookups[bool]:
        if mechanism.kind == "all":
            return True
        if mechanism.network is not None:
            return self._identity.ip in mechanism.network
        self._count_term()
        name = domain
        if mechanism.target is not None:
            name = yield from self._name(mechanism.target, domain)
        return (yield from _MATCHES[mechanism.kind](self, mechanism, name))

    def matches_include(self, mechanism: Mechanism, name: str) -> Lookups[bool]:
        """RFC 7208 §5.2."""
        result = yield from self._check(name, explained=False)
        if result.status is SPFStatus.NONE:
            raise _Ended(SPFStatus.PERMERROR, f"{name} is included, and has no SPF record")
        return result.status is SPFStatus.PASS

    def matches_a(self, mechanism: Mechanism, name: str) -> Lookups[bool]:
        """RFC 7208 §5.3."""
        reply = yield from self._addresses(name)
        return self._contain_client(mechanism, reply.records)

    def matches_mx(self, mechanism: Mechanism, name: str) -> Lookups[bool]:
        """RFC 7208 §5.4."""
        reply = yield from self._ask(mx_of(name), void=True)
        if len(reply.records) > MOST_HOSTS:
            raise _Ended(SPFStatus.PERMERROR, f"{name} has more than {MOST_HOSTS} MX records")
        for record in reply.records:
            if not record.host:
                continue
            found = yield from self._addresses(record.host)
            if self._contain_client(mechanism, found.records):
                return True
        return False

    def matches_ptr(self, mechanism: Mechanism, name: str) -> Lookups[bool]:
        """RFC 7208 §5.5."""
        names = yield from self._client_names()
        return any(_is_below(each, name) for each in names)

    def matches_exists(self, mechanism: Mechanism, name: str) -> Lookups[bool]:
        """RFC 7208 §5.7: A records whatever the family of the client's address."""
        reply = yield from self._ask(ipv4_of(name), void=True)
        return bool(reply.records)

    def _explanation(self, target: MacroString, domain: str) -> Lookups[str]:
        """Return the text that the domain has for a fail, empty where it has none that can be
        used (RFC 7208 §6.2)."""
        try:
            name = yield from self._name(target, domain)
            reply = yield from ask(txt_of(name))
            if len(reply.records) != 1 or not reply.records[0].isascii():
                return ""
            parts = parse_macros(reply.records[0].decode("ascii"), explanation=True)
            identity = replace(self._identity, domain=domain)
            text = yield from expand(parts, identity, partial(self._validated_name, domain))
        except (BadMacro, _Ended):
            return ""
        return text[:LONGEST_EXPLANATION] if text.isprintable() else ""

    def _name(self, target: MacroString, domain: str) -> Lookups[str]:
        identity = replace(self._identity, domain=domain)
        return (yield from expand_name(target, identity, partial(self._validated_name, domain)))

    def _validated_name(self, domain: str) -> Lookups[str]:
        """Return the name for `%{p}` (RFC 7208 §7.3): the domain itself, else one below it, else
        any."""
        names = yield from self._client_names()
        below = [name for name in names if _is_below(name, domain)]
        return domain.lower() if domain.lower() in names else next(iter(below or names), "unknown")

    def _client_names(self) -> Lookups[list[str]]:
        """Return the names of the client that lead back to its address. A look-up that fails
        gives no name. The client's owner chooses the names and their servers, so that few failures
        end the search: silent servers would use up the time for the terms that follow."""
        if self._names is None:
            self._names = []
            failed = 0
            reply = yield from ask(ptr_of(self._identity.ip.reverse_pointer))
            for name in reply.records[:MOST_HOSTS]:
                found = yield from ask(self._question(name))
                if self._identity.ip in map(ip_address, found.records):
                    self._names.append(name)
                failed += found.found is Found.FAILED
                if failed == MOST_FAILED_NAMES:
                    break
        return self._names

    def _question(self, name: str) -> Question[str]:
        return ipv4_of(name) if isinstance(self._identity.ip, IPv4Address) else ipv6_of(name)

    def _addresses(self, name: str) -> Lookups[Reply[str]]:
        return (yield from self._ask(self._question(name), void=True))

    def _contain_client(self, mechanism: Mechanism, addresses: Sequence[str]) -> bool:
        ip = self._identity.ip
        prefix = mechanism.prefix4 if isinstance(ip, IPv4Address) else mechanism.prefix6
        return any(ip in ip_network(f"{each}/{prefix}", strict=False) for each in addresses)

    def _ask(self, question: Question[Record], void: bool = False) -> Lookups[Reply[Record]]:
        """Ask DNS. `void` counts a reply without records. Raises _Ended."""
        reply = yield from ask(question)
        if reply.found is Found.FAILED:
            raise _Ended(SPFStatus.TEMPERROR, f"{question.name} could not be looked up")
        if void and not reply.records:
            self._void += 1
            if self._void > MOST_VOID_LOOKUPS:
                text = f"more than {MOST_VOID_LOOKUPS} look-ups without a record"
                raise _Ended(SPFStatus.PERMERROR, text)
        return reply

    def _count_term(self) -> None:
        self._terms += 1
        if self._terms > MOST_TERMS:
            raise _Ended(SPFStatus.PERMERROR, f"more than {MOST_TERMS} terms that need DNS")


def _is_below(name: str, domain: str) -> bool:
    """True for the domain itself and names below it."""
    return is_at_or_below(name, domain.lower())


_MATCHES: Mapping[str, Callable[[_Check, Mechanism, str], Lookups[bool]]] = {
    "include": _Check.matches_include,
    "a": _Check.matches_a,
    "mx": _Check.matches_mx,
    "ptr": _Check.matches_ptr,
    "exists": _Check.matches_exists,
}

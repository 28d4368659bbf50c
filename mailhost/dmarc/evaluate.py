"""The result of DMARC for a message, as a machine that asks DNS by values (RFC 9989 §5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from mailhost.dmarc.record import DMARCRecord, Policy
from mailhost.dmarc.walk import Walk, WalkFailed, walk
from mailhost.interfaces.dns import Found, Lookups, Question, ask, ipv4_of, ipv6_of, mx_of
from mailhost.message.domains import is_at_or_below


class DMARCStatus(Enum):
    """The results of RFC 9989 §9.2."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class PassingDomains:
    """The domains by which a message is authenticated: that of SPF's MAIL FROM, and those of DKIM
    signatures; in A-labels. Those in `spf_failed` and `dkim_failed` could not be checked for now
    (temperror), so that they may be right."""

    spf: str | None = None
    dkim: Sequence[str] = ()
    spf_failed: str | None = None
    dkim_failed: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class DMARCResult:
    """The result for an author's domain.

    `policy` is what the domain asks for if the message does not pass; with `testing` it asks not
    to apply that. `policy_domain` is where the record stands. `spf_aligned` and `dkim_aligned` are
    the domains that let the message pass. `reason` says why there was an error.
    """

    status: DMARCStatus
    domain: str
    policy: Policy = Policy.NONE
    testing: bool = False
    policy_domain: str = ""
    organizational_domain: str = ""
    record: DMARCRecord | None = None
    spf_aligned: str | None = None
    dkim_aligned: tuple[str, ...] = ()
    reason: str = ""


def evaluate(author: str, by: PassingDomains) -> Lookups[DMARCResult]:
    """Return the result for a message with this author's domain, which is in A-labels."""
    try:
        found = yield from walk(author)
    except WalkFailed as failed:
        return DMARCResult(DMARCStatus.TEMPERROR, author, reason=str(failed))
    policy_domain, record = found.policy_record
    if record is None:
        return DMARCResult(DMARCStatus.NONE, author)
    alignment = _Alignment(author, found)
    spf = yield from alignment.aligned(record.strict_spf, _given(by.spf))
    dkim = yield from alignment.aligned(record.strict_dkim, by.dkim)
    status, reason = DMARCStatus.PASS, ""
    if not spf and not dkim:
        status = DMARCStatus.FAIL
        possible = yield from alignment.aligned(record.strict_spf, _given(by.spf_failed))
        possible += yield from alignment.aligned(record.strict_dkim, by.dkim_failed)
        if possible or alignment.failed:
            status, reason = DMARCStatus.TEMPERROR, "an aligned domain could not be checked"
    return DMARCResult(
        status=status,
        domain=author,
        policy=(yield from _policy(author, policy_domain, record, status)),
        testing=record.testing,
        policy_domain=policy_domain,
        organizational_domain=found.organizational_domain,
        record=record,
        spf_aligned=spf[0] if spf else None,
        dkim_aligned=tuple(dkim),
        reason=reason,
    )


def _given(domain: str | None) -> Sequence[str]:
    return [domain] if domain else []


def _policy(author: str, domain: str, record: DMARCRecord, status: DMARCStatus) -> Lookups[Policy]:
    """Return what is asked for. DNS is asked whether the domain exists only where that matters."""
    if author == domain:
        return record.policy
    if status is DMARCStatus.PASS or record.nonexistent is record.subdomains:
        return record.subdomains
    return record.subdomains if (yield from _exists(author)) else record.nonexistent


def _exists(domain: str) -> Lookups[bool]:
    """Return whether a domain has an MX, A or AAAA record, as far as is known (RFC 9989
    §3.2.14)."""
    questions: Sequence[Question[Any]] = (mx_of(domain), ipv4_of(domain), ipv6_of(domain))
    for question in questions:
        reply = yield from ask(question)
        if reply.found is Found.NO_DOMAIN:
            return False
        if reply.found is not Found.NO_RECORDS:
            return True
    return False


class _Alignment:
    """Compares domains with that of the author (RFC 9989 §4.4). `failed` is true once DNS could not
    be asked about one of them."""

    def __init__(self, author: str, found: Walk) -> None:
        self._author = author
        self._organization = found.organizational_domain
        self._known = {author: True}
        self.failed = False

    def aligned(self, strict: bool, domains: Sequence[str]) -> Lookups[list[str]]:
        """Return those of `domains` that are aligned."""
        aligned: list[str] = []
        for domain in dict.fromkeys(domains):
            try:
                if (yield from self._is_aligned(strict, domain)):
                    aligned.append(domain)
            except WalkFailed:
                self.failed = True
        return aligned

    def _is_aligned(self, strict: bool, domain: str) -> Lookups[bool]:
        """Raises WalkFailed. A domain that is not below the author's organizational domain has
        another one, so that DNS need not be asked."""
        if domain == self._author or strict:
            return domain == self._author
        if not is_at_or_below(domain, self._organization):
            return False
        if domain not in self._known:
            found = yield from walk(domain)
            self._known[domain] = found.organizational_domain == self._organization
        return self._known[domain]

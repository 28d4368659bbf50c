"""The results of one message: as lines of Authentication-Results, as a value, and as tags."""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.arc.verify import ARCResult
from mailhost.config.filters.authenticity import JUNK
from mailhost.dkim.verify import SignatureResult
from mailhost.dmarc.evaluate import DMARCResult, DMARCStatus
from mailhost.interfaces.authentication import (
    Authentication,
    Disposition,
    DKIMOutcome,
    PublishedPolicy,
    SPFOutcome,
)
from mailhost.message.authentication_results import APPLIED, EVALUATED, MethodResult
from mailhost.reception.filters.authenticity.evidence import Evidence
from mailhost.reception.filters.authenticity.policy import Judgement, Surroundings
from mailhost.spf.check import SPFResult

MOST_SEALERS = 10  # that are written into the field


def authentication_of(
    evidence: Evidence, around: Surroundings, judgement: Judgement, observed: bool
) -> Authentication:
    """Return the results as a value. `observed`: the mode is "observe"."""
    dmarc = evidence.dmarc
    return Authentication(
        client_name=evidence.iprev.name,
        iprev=evidence.iprev.status.value,
        spf=(
            SPFOutcome("mfrom", evidence.spf.domain.lower(), evidence.spf.status.value),
            SPFOutcome("helo", evidence.hello.domain.lower(), evidence.hello.status.value),
        ),
        dkim=tuple(
            DKIMOutcome(each.domain, each.selector, each.status.value, each.reason)
            for each in evidence.dkim
        ),
        arc=evidence.arc.status.value,
        sealers=evidence.arc.sealers,
        dmarc=dmarc.status.value,
        author=dmarc.domain,
        requested=Disposition(dmarc.policy.value),
        published=_published(dmarc),
        spf_aligned=dmarc.spf_aligned or "",
        dkim_aligned=dmarc.dkim_aligned,
        own_domains=around.own,
        disposition=judgement.disposition,
        applied=Disposition.NONE if observed else judgement.disposition,
        override=judgement.override,
        reason=judgement.reason,
    )


def _published(dmarc: DMARCResult) -> PublishedPolicy | None:
    record = dmarc.record
    if record is None:
        return None
    return PublishedPolicy(
        domain=dmarc.policy_domain,
        policy=record.policy.value,
        subdomains=record.subdomains.value,
        nonexistent=record.nonexistent.value,
        strict_dkim=record.strict_dkim,
        strict_spf=record.strict_spf,
        testing=record.testing,
        failure_options=record.failure_options,
        reports=record.reports,
    )


def tags_of(found: Authentication) -> frozenset[str]:
    """Return the tags for the filters behind: `spf:pass`, `dmarc:fail` and so on.

    `dkim` has the results of all signatures, `helo` is that of SPF for the name in HELO.
    `own_domain:fail` is for a domain of this host without a pass, `junk` for the Junk folder.
    """
    tags = {f"arc:{found.arc}", f"dmarc:{found.dmarc}", f"iprev:{found.iprev}"}
    tags |= {f"dkim:{each.result}" for each in found.dkim} or {"dkim:none"}
    for each in found.spf:
        tags.add(f"{'spf' if each.scope == 'mfrom' else 'helo'}:{each.result}")
    if found.own_domains:
        tags.add("own_domain:fail")
    if found.applied is Disposition.QUARANTINE:
        tags.add(JUNK)
    return frozenset(tags)


def method_results(
    evidence: Evidence, found: Authentication, reverse_path: str, hello: str
) -> Iterator[MethodResult]:
    """Yield the results for the field (RFC 8601 §2.7)."""
    mail_from = reverse_path or f"postmaster@{hello}"
    yield _spf(evidence.spf, ("smtp.mailfrom", mail_from))
    yield _spf(evidence.hello, ("smtp.helo", hello))
    yield from map(_dkim, evidence.dkim)
    if not evidence.dkim:
        yield MethodResult("dkim", "none")
    yield _dmarc(evidence.dmarc, found)
    yield _arc(evidence.arc)
    ip = ("policy.iprev", evidence.ip)
    yield MethodResult("iprev", found.iprev, [ip, ("policy.name", found.client_name)])


def _spf(result: SPFResult, identity: tuple[str, str]) -> MethodResult:
    return MethodResult("spf", result.status.value, [identity], result.reason)


def _dkim(result: SignatureResult) -> MethodResult:
    properties = [
        ("header.d", result.domain),
        ("header.i", result.identity),
        ("header.s", result.selector),
        ("header.a", result.algorithm),
        ("header.b", result.beginning),
    ]
    return MethodResult("dkim", result.status.value, properties, result.reason)


def _dmarc(result: DMARCResult, found: Authentication) -> MethodResult:
    properties = [("header.from", result.domain)]
    if result.record is not None:
        properties.append(("policy.dmarc", result.policy.value))
    properties += [(APPLIED, found.applied.value), (EVALUATED, found.disposition.value)]
    reason = result.reason
    if result.status is not DMARCStatus.PERMERROR:
        reason = reason or found.reason
    return MethodResult("dmarc", result.status.value, properties, reason)


def _arc(result: ARCResult) -> MethodResult:
    sealers = ", ".join(result.sealers[-MOST_SEALERS:])
    reason = f"sealed by {sealers}" if sealers else result.reason
    return MethodResult("arc", result.status.value, reason=reason)

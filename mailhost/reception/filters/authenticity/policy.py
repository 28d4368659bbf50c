"""Decides from the evidence what is done with a message. Without I/O.

DMARC comes first: what the author's domain asks for. `reject` is carried out only if the settings
or other evidence agree, and is quarantine otherwise (RFC 9989 §7.4). The domains of this host and
a failed SPF check have settings of their own. Messages that trusted forwarders and lists changed
are excepted. A look-up that failed for now is never a reason.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.arc.verify import ARCStatus
from mailhost.config.filters.authenticity import Authenticity, OwnDomains, RejectPolicy, SPFFail
from mailhost.dmarc.evaluate import DMARCResult, DMARCStatus
from mailhost.dmarc.record import Policy
from mailhost.interfaces.authentication import Disposition
from mailhost.message.status import Status
from mailhost.reception.filters.authenticity.evidence import Evidence
from mailhost.reception.filters.authenticity.trusted import forwarder_reason
from mailhost.spf.check import SPFStatus

_ONE_LESS = {
    Policy.REJECT: Policy.QUARANTINE,
    Policy.QUARANTINE: Policy.NONE,
    Policy.NONE: Policy.NONE,
}
_STRICTNESS = {Disposition.NONE: 0, Disposition.QUARANTINE: 1, Disposition.REJECT: 2}
_NO_SPF = (SPFStatus.NONE, SPFStatus.FAIL, SPFStatus.SOFTFAIL)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Facts that are known besides the message. `own` are the domains of this host that the message
    uses without a pass, `published` those of them whose SPF record and DKIM key DNS shows.
    `known_client`: earlier mail of this client had a pass for the author's domain."""

    own: tuple[str, ...] = ()
    published: frozenset[str] = frozenset()
    known_client: bool = False


@dataclass(frozen=True, slots=True)
class Judgement:
    """The decision by the settings, and the reason for it. `refusal` is the reply of a refusal,
    `override` a keyword of RFC 9990 §3.1.6."""

    disposition: Disposition = Disposition.NONE
    reason: str = ""
    override: str = ""
    refusal: Status | None = None


DELIVER = Judgement()


def decide(evidence: Evidence, settings: Authenticity, around: Surroundings) -> Judgement:
    """Return the strictest of what the rules say, unless a trusted forwarder vouches for it."""
    rules = (
        _own_domains(settings, around),
        _dmarc(evidence, settings, around),
        _spf(evidence, settings),
    )
    strictest = max(rules, key=lambda each: (_STRICTNESS[each.disposition], each.override != ""))
    if strictest.disposition is Disposition.NONE:
        return strictest
    reason = forwarder_reason(evidence, settings)
    return Judgement(reason=reason, override="trusted_forwarder") if reason else strictest


def _dmarc(evidence: Evidence, settings: Authenticity, around: Surroundings) -> Judgement:
    result = evidence.dmarc
    if result.status is DMARCStatus.PERMERROR:
        return Judgement(Disposition.QUARANTINE, result.reason, "other")
    if result.status is not DMARCStatus.FAIL:
        return DELIVER
    wanted = _ONE_LESS[result.policy] if result.testing else result.policy
    override = "policy_test_mode" if wanted is not result.policy else ""
    reason = f"{result.domain} asks for {result.policy.value}, as neither SPF nor DKIM passes"
    if override:
        reason += ", one step less while it tests"
    if wanted is Policy.NONE:
        return Judgement(reason=reason if override else "", override=override)
    if wanted is Policy.REJECT and _may_refuse(evidence, settings, around):
        return Judgement(Disposition.REJECT, reason, override, _dmarc_refusal(result))
    if wanted is Policy.REJECT:
        override = "local_policy"
    return Judgement(Disposition.QUARANTINE, reason, override)


def _may_refuse(evidence: Evidence, settings: Authenticity, around: Surroundings) -> bool:
    """True where p=reject is carried out: other evidence agrees that nobody only changed the
    message on its way."""
    if settings.reject is not RejectPolicy.EVIDENCE:
        return settings.reject is RejectPolicy.ALWAYS
    return (
        evidence.spf.status in _NO_SPF
        and not evidence.dkim
        and not evidence.list_ids
        and evidence.arc.status is ARCStatus.NONE
        and not around.known_client
    )


def _dmarc_refusal(result: DMARCResult) -> Status:
    text = (
        f"{result.domain} has p=reject in DMARC, and the message passes neither SPF nor DKIM for "
        f"it; send it through a server in the SPF record of {result.domain}, or sign it with its "
        "DKIM key"
    )
    return Status(550, "5.7.26", text)


def _own_domains(settings: Authenticity, around: Surroundings) -> Judgement:
    """A stranger that uses a domain of this host without a pass."""
    if settings.own_domains is OwnDomains.NEVER:
        return DELIVER
    published = settings.own_domains is OwnDomains.PUBLISHED
    domain = next((each for each in around.own if not published or each in around.published), "")
    if not domain:
        return DELIVER
    text = (
        f"{domain} is a domain of this host, and the message passes neither SPF nor DKIM for it; "
        f"log in to send mail from {domain}"
    )
    reason = f"a stranger uses {domain}, a domain of this host, without a pass"
    return Judgement(Disposition.REJECT, reason, "local_policy", Status(550, "5.7.26", text))


def _spf(evidence: Evidence, settings: Authenticity) -> Judgement:
    """A failed SPF check (-all) alone: not where DMARC passes by a signature."""
    failed = evidence.spf.status is SPFStatus.FAIL
    if settings.spf_fail is SPFFail.NONE or not failed:
        return DELIVER
    if evidence.dmarc.status is DMARCStatus.PASS:
        return DELIVER
    reason = f"the SPF record of {evidence.spf.domain} does not allow {evidence.ip}"
    if settings.spf_fail is SPFFail.JUNK:
        return Judgement(Disposition.QUARANTINE, reason, "local_policy")
    text = f"{reason}; send the message through a server that the record allows"
    return Judgement(Disposition.REJECT, reason, "local_policy", Status(550, "5.7.23", text))

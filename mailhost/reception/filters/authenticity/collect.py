"""Collects the evidence about a message: all checks at the same time, within one time.

The body is hashed once, for all signatures and for ARC; the time for it does not count. A check
that has not ended in time has the result temperror. The signatures of each domain are a check of
their own, so that a stranger's slow DNS server cannot make those of another domain end so. The work
on large bodies and large header sections is done in threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from mailhost.arc.verify import ARCResult, verify_chain
from mailhost.concurrency.threads import InThread
from mailhost.dkim.body import BodyForm, BodyHash, hash_body, is_hashed_at_once
from mailhost.dkim.signature import Signature, Unreadable
from mailhost.dkim.signed_header import SignedHeader
from mailhost.dkim.verify import DKIMStatus, SignatureResult, verify_some
from mailhost.dmarc.evaluate import DMARCResult, DMARCStatus, PassingDomains, evaluate
from mailhost.dmarc.walk import WalkFailed, walk
from mailhost.interfaces.dns import Lookups
from mailhost.interfaces.verdict import Mail
from mailhost.message.client import plain_address
from mailhost.reception.filters.authenticity.evidence import Evidence
from mailhost.reception.filters.authenticity.iprev import check_iprev
from mailhost.reception.filters.authenticity.message_lookups import MessageLookUps
from mailhost.reception.filters.authenticity.reading import HeaderClaims, read_claims
from mailhost.spf.check import SPFResult, SPFStatus, check_hello, check_mail_from

# seconds for look-ups about the author's domain and those of this host: a stranger with slow DNS
# servers, which use up the time, does not decide about them
LEAST_TIME = 5.0
LARGEST_HEADER = 1 << 14  # octets of a header section that is examined in the reactor's thread


@dataclass(frozen=True, slots=True)
class ExaminedMessage:
    """The message, its header section, and when it is examined, in seconds since 1970. `hostname`
    is our name, for macros of SPF."""

    mail: Mail
    header: bytes
    now: float
    hostname: str

    @property
    def large_header(self) -> bool:
        """True for a header section that is examined in threads."""
        return len(self.header) > LARGEST_HEADER


async def collect(
    message: ExaminedMessage, lookups: MessageLookUps, in_thread: InThread
) -> Evidence:
    """Return the evidence about a message. Raises OSError."""
    claims = await _claims(message, in_thread)
    client, path = message.mail.client, message.mail.envelope.reverse_path
    ip, now = client.ip.partition("%")[0], int(message.now)
    reverse_path = str(path) if path is not None else ""
    hello = lookups.run(check_hello(ip, client.hello, message.hostname, now))
    iprev = lookups.run(check_iprev(plain_address(ip)))
    spf = lookups.run(check_mail_from(ip, reverse_path, client.hello, message.hostname, now))
    policy = lookups.run(_walked(claims.author))
    dkim, arc = await _verified(message, claims, lookups, in_thread)
    spf_found = await spf
    at_least = LEAST_TIME if await policy else 0.0  # its replies are kept, for what follows
    dmarc = DMARCResult(DMARCStatus.PERMERROR, "", reason=claims.fault)
    if claims.author:
        machine = evaluate(claims.author, _authenticated(spf_found, dkim))
        dmarc = await lookups.run(machine, at_least=at_least)
    return Evidence(
        ip=ip,
        mail_from=path.domain if path is not None else "",
        iprev=await iprev,
        hello=await hello,
        spf=spf_found,
        dkim=tuple(dkim),
        arc=arc,
        dmarc=dmarc,
        list_ids=claims.list_ids,
    )


async def _claims(message: ExaminedMessage, in_thread: InThread) -> HeaderClaims:
    if message.large_header:
        return await in_thread(lambda: read_claims(message.header))
    return read_claims(message.header)


async def _verified(
    message: ExaminedMessage, claims: HeaderClaims, lookups: MessageLookUps, in_thread: InThread
) -> tuple[Sequence[SignatureResult], ARCResult]:
    """Verify the signatures and the chain of seals."""
    begun = lookups.seconds()
    hashes = await _hashes(message, claims.body_forms, in_thread)
    lookups.prolong(lookups.seconds() - begun)
    header, now = message.header, message.now
    work = in_thread if message.large_header else None
    signed = SignedHeader(header) if work is None else await work(partial(SignedHeader, header))
    by_domain: dict[str, list[Signature | Unreadable]] = {}
    for each in claims.signatures:
        by_domain.setdefault(each.domain, []).append(each)
    running = {
        domain: lookups.run(verify_some(signed, some, hashes, now), work)
        for domain, some in by_domain.items()
    }
    arc = lookups.run(verify_chain(header, claims.chain, hashes, now), work)
    results = {domain: iter(await verifying) for domain, verifying in running.items()}
    return [next(results[each.domain]) for each in claims.signatures], await arc


async def _hashes(
    message: ExaminedMessage, forms: frozenset[BodyForm], in_thread: InThread
) -> dict[BodyForm, BodyHash]:
    content, header = message.mail.content, message.header
    if not forms:
        return {}
    if is_hashed_at_once(content):
        return hash_body(content, header, forms)
    return await in_thread(lambda: hash_body(content, header, forms))


def _walked(author: str) -> Lookups[bool]:
    """Ask for the DMARC records at and above the author's domain. False where DNS failed."""
    try:
        if author:
            yield from walk(author)
    except WalkFailed:
        return False
    return True


def _authenticated(spf: SPFResult, dkim: Sequence[SignatureResult]) -> PassingDomains:
    def domains(status: DKIMStatus) -> list[str]:
        return [each.domain for each in dkim if each.status is status]

    name = spf.domain.lower().removesuffix(".")
    return PassingDomains(
        spf=name if spf.status is SPFStatus.PASS else None,
        dkim=domains(DKIMStatus.PASS),
        spf_failed=name if spf.status is SPFStatus.TEMPERROR else None,
        dkim_failed=domains(DKIMStatus.TEMPERROR),
    )

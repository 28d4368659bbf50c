"""Collects the evidence about a message: all checks at the same time, within one time.

The body is hashed once, for all signatures and for ARC. A check that has not ended in time has the
result temperror.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address

from mailhost.arc.chain import read_chain
from mailhost.arc.verify import ARCResult, verify_chain
from mailhost.concurrency.threads import InThread
from mailhost.dkim.body import BodyForm, BodyHash, hash_body
from mailhost.dkim.signature import Signature, read_signatures
from mailhost.dkim.verify import DKIMStatus, SignatureResult, verify
from mailhost.dmarc.author import NoAuthorDomain, author_domain
from mailhost.dmarc.evaluate import Authenticated, DMARCResult, DMARCStatus, evaluate
from mailhost.dmarc.walk import WalkFailed, walk
from mailhost.interfaces.dns import Lookups
from mailhost.interfaces.verdict import Mail
from mailhost.message.content import Content
from mailhost.message.header import values
from mailhost.reception.filters.authenticity.evidence import Evidence
from mailhost.reception.filters.authenticity.iprev import check_iprev
from mailhost.reception.filters.authenticity.message_lookups import MessageLookUps
from mailhost.spf.check import SPFResult, SPFStatus, check_hello, check_mail_from

HASHED_AT_ONCE = 1 << 16  # octets of a message whose body is hashed in the reactor's thread
MOST_LIST_IDS = 3
_LIST_ID = re.compile(r"<([^<>\s]{1,255})>\s*\Z|\A([^<>\s]{1,255})\Z")


@dataclass(frozen=True, slots=True)
class ExaminedMessage:
    """The message, its header section, and when it is examined, in seconds since 1970. `hostname`
    is our name, for macros of SPF."""

    mail: Mail
    header: bytes
    now: float
    hostname: str


async def collect(
    message: ExaminedMessage, lookups: MessageLookUps, in_thread: InThread
) -> Evidence:
    """Return the evidence about a message. Raises OSError."""
    return await _Collection(message, lookups, in_thread).collect()


class _Collection:
    """The checks of one message."""

    def __init__(
        self, message: ExaminedMessage, lookups: MessageLookUps, in_thread: InThread
    ) -> None:
        self._mail = message.mail
        self._header = message.header
        self._now = message.now
        self._hostname = message.hostname
        self._run = lookups.run
        self._in_thread = in_thread

    async def collect(self) -> Evidence:
        client = self._mail.client
        path = self._mail.envelope.reverse_path
        ip, now = client.ip.partition("%")[0], int(self._now)
        reverse_path = str(path) if path is not None else ""
        receiver = self._hostname
        author, fault = _author(self._header)
        hello = self._run(check_hello(ip, client.hello, receiver, now))
        iprev = self._run(check_iprev(ip_address(ip)))
        spf = self._run(check_mail_from(ip, reverse_path, client.hello, receiver, now))
        policy = self._run(_walked(author))
        dkim, arc = await self._signatures()
        spf_found = await spf
        await policy  # its replies are kept, for what follows
        dmarc = DMARCResult(DMARCStatus.PERMERROR, "", reason=fault)
        if author:
            dmarc = await self._run(evaluate(author, _authenticated(spf_found, dkim)))
        return Evidence(
            ip=ip,
            mail_from=path.domain if path is not None else "",
            iprev=await iprev,
            hello=await hello,
            spf=spf_found,
            dkim=tuple(dkim),
            arc=arc,
            dmarc=dmarc,
            list_ids=_list_ids(self._header),
        )

    async def _signatures(self) -> tuple[list[SignatureResult], ARCResult]:
        """Verify the signatures and the chain of seals."""
        header = self._header
        signatures, chain = read_signatures(header), read_chain(header)
        forms = {each.body_form for each in signatures if isinstance(each, Signature)}
        hashes = await self._hashes(forms.union(chain.body_forms))
        dkim = self._run(verify(header, signatures, hashes, self._now))
        arc = self._run(verify_chain(header, chain, hashes, self._now))
        return await dkim, await arc

    async def _hashes(self, forms: set[BodyForm]) -> dict[BodyForm, BodyHash]:
        content: Content = self._mail.content
        if not forms:
            return {}
        if content.in_memory and content.size <= HASHED_AT_ONCE:
            return hash_body(content, self._header, forms)
        return await self._in_thread(lambda: hash_body(content, self._header, forms))


def _author(header: bytes) -> tuple[str, str]:
    """Return the author's domain, or an empty text and why there is none."""
    try:
        return author_domain(header), ""
    except NoAuthorDomain as fault:
        return "", str(fault)


def _walked(author: str) -> Lookups[None]:
    """Ask for the DMARC records at and above the author's domain."""
    try:
        if author:
            yield from walk(author)
    except WalkFailed:
        return


def _authenticated(spf: SPFResult, dkim: list[SignatureResult]) -> Authenticated:
    def domains(status: DKIMStatus) -> list[str]:
        return [each.domain for each in dkim if each.status is status]

    name = spf.domain.lower().removesuffix(".")
    return Authenticated(
        spf=name if spf.status is SPFStatus.PASS else None,
        dkim=domains(DKIMStatus.PASS),
        spf_failed=name if spf.status is SPFStatus.TEMPERROR else None,
        dkim_failed=domains(DKIMStatus.TEMPERROR),
    )


def _list_ids(header: bytes) -> tuple[str, ...]:
    matches = map(_LIST_ID.search, values(header, "List-Id")[:MOST_LIST_IDS])
    return tuple((match[1] or match[2]).lower() for match in matches if match)

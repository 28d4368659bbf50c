"""The domains of this host that a stranger uses without a pass.

A stranger may forge such a domain, or may be a service that the domain's owner uses and has not
published. So `is_published` asks whether DNS shows the SPF record and our DKIM key of the domain:
then its owner has said which servers send its mail.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailhost.dkim.key_record import is_same_key
from mailhost.dmarc.evaluate import DMARCStatus
from mailhost.interfaces.accounts import DirectoryView
from mailhost.interfaces.dns import Lookups, ask, txt_of
from mailhost.interfaces.signing import DomainKey, KeyState
from mailhost.message.domains import is_at_or_below
from mailhost.reception.filters.authenticity.evidence import Evidence
from mailhost.spf.record import is_spf


def own_domains_without_pass(evidence: Evidence, view: DirectoryView) -> tuple[str, ...]:
    """Return the domains of the From field and of the reverse-path that are in the directory, and
    for which neither SPF nor DKIM passes. A check that failed for now counts as a pass."""
    author = evidence.dmarc.domain
    passed = author if evidence.dmarc.status is DMARCStatus.PASS else ""
    found = dict.fromkeys((author, evidence.mail_from))
    possible = evidence.passing | evidence.undecided
    return tuple(
        each
        for each in found
        if each and each != passed and view.domain(each) is not None
        if not _is_related(each, possible)
    )


def _is_related(domain: str, others: Iterable[str]) -> bool:
    """True where one of `others` is the domain itself, above it or below it."""
    return any(is_at_or_below(domain, other) or is_at_or_below(other, domain) for other in others)


def is_published(domain: str, keys: Sequence[DomainKey]) -> Lookups[bool]:
    """Return whether DNS shows an SPF record of the domain, and one of the keys that sign for
    it."""
    reply = yield from ask(txt_of(domain))
    if not any(map(is_spf, reply.records)):
        return False
    for key in keys:
        if key.state is not KeyState.ACTIVE:
            continue
        shown = yield from ask(txt_of(key.name))
        if any(is_same_key(key.record, record) for record in shown.records):
            return True
    return False

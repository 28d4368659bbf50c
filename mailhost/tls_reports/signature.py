"""Finds out which domain has signed a message with a report (RFC 8460 §3).

A report that is not signed by the domain of its author is ignored: anybody could send false ones.
The signature must cover the whole body, and its key may be one for such reports alone (`s=tlsrpt`),
so the results of the reception, which are those for mail, are not taken.
"""

from __future__ import annotations

from mailhost.aggregate_reports.report import BadReport, NotNow
from mailhost.dkim.body import hash_body
from mailhost.dkim.key_record import ANY_SERVICE
from mailhost.dkim.signature import Signature, read_signatures
from mailhost.dkim.verify import DKIMStatus, verify
from mailhost.interfaces.dns import Lookups
from mailhost.message.address import BadAddress
from mailhost.message.content import Content
from mailhost.message.header import addresses, values

SERVICES = frozenset({ANY_SERVICE, "email", "tlsrpt"})  # of keys (RFC 8460 §3)


def signing_domain(content: Content, now: float) -> Lookups[str]:
    """Return the domain that has signed the message and is, or is above or below, that of its
    author. `now` is in seconds since 1970. Blocks between questions.

    Raises BadReport for a message without such a signature, NotNow where a key cannot be looked up,
    OSError.
    """
    header = content.header()
    author = _author_domain(header)
    found = [
        each for each in read_signatures(header) if author and _is_related(each.domain, author)
    ]
    forms = {each.body_form for each in found if isinstance(each, Signature)}
    results = yield from verify(header, found, hash_body(content, header, forms), now, SERVICES)
    for each in results:
        if each.status is DKIMStatus.PASS and each.length is None:
            return each.domain
    if any(each.status is DKIMStatus.TEMPERROR for each in results):
        raise NotNow("the key of its DKIM signature cannot be looked up")
    reasons = ", ".join(f"{each.domain}: {each.reason}" for each in results if each.reason)
    text = f"it has no valid DKIM signature of {author or 'its author'}"
    raise BadReport(f"{text} ({reasons})" if reasons else text)


def _author_domain(header: bytes) -> str:
    found = values(header, "From")
    try:
        return addresses(found[0])[0].domain if len(found) == 1 else ""
    except (BadAddress, IndexError):
        return ""


def _is_related(signer: str, author: str) -> bool:
    """True for the same domain, and for one that is below the other. A top-level domain signs for
    nobody."""
    if "." not in signer:
        return False
    return signer == author or signer.endswith(f".{author}") or author.endswith(f".{signer}")

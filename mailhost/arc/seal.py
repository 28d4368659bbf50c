"""A further set for a message that is passed on (RFC 8617 §5.1).

A chain that does not pass is not sealed: receivers do not read such a chain any further.
"""

from __future__ import annotations

from mailhost.arc.chain import MOST_SETS, read_chain
from mailhost.arc.verify import ARCResult, ARCStatus, seal_digest
from mailhost.dkim.body import BodyHash
from mailhost.dkim.canonical import Canonicalization
from mailhost.dkim.field_text import as_field, folded, with_signature
from mailhost.dkim.sign import Signer, field_without_signature, signed_names
from mailhost.dkim.signed_header import SignedHeader
from mailhost.message.authentication_results import NAME


class NotSealed(ValueError):
    """A message that cannot get a further set; the text of the exception says why."""


def seal(
    header: bytes,
    body: BodyHash,
    found: ARCResult,
    results: bytes,
    signer: Signer,
    now: float,
) -> bytes:
    """Return the three fields of a set, to be put in front of the message.

    `body` is the hash of the body in BODY_FORM of `dkim.sign`, `found` the result for the chain so
    far, `results` the value of the Authentication-Results field of this host, with its CRLF. `now`
    is in seconds since 1970. Takes as long as two signatures. Raises NotSealed.
    """
    number = len(found.sets) + 1
    signed = SignedHeader(header)
    if found.status not in (ARCStatus.NONE, ARCStatus.PASS) or number > MOST_SETS:
        raise NotSealed(f"the chain has the result {found.status.value}, and {number - 1} sets")
    if not signed.whole or signed.count(b"from") != 1:
        raise NotSealed("the message has not exactly one From field, or a header section too long")
    fields = f"ARC-{NAME}: i={number}; ".encode() + results
    fields = _message_signature(signed, body, number, signer, int(now)) + fields
    lines = [
        f"ARC-Seal: i={number}; a={signer.key.algorithm}; cv={found.status.value};",
        f"d={signer.domain}; s={signer.selector}; t={int(now)};",
        "b=",
    ]
    unsigned = folded(lines)
    whole = unsigned + fields + header
    digest = seal_digest(whole, read_chain(whole).sets)
    return with_signature(unsigned, signer.key.sign(digest)) + fields


def _message_signature(
    signed: SignedHeader, body: BodyHash, number: int, signer: Signer, now: int
) -> bytes:
    """Return the field ARC-Message-Signature."""
    dkim = [b"dkim-signature"] * min(signed.count(b"dkim-signature"), 2)
    names = [*signed_names(signed), *dkim]
    unsigned = field_without_signature(
        f"ARC-Message-Signature: i={number};", signer, names, body, now
    )
    digest = signed.digest(names, Canonicalization.RELAXED, as_field(unsigned), unsigned)
    return with_signature(unsigned, signer.key.sign(digest))

"""Verification of a chain, as a machine that asks for keys (RFC 8617 §5.2).

The newest message signature and all seals are checked, from the newest to the oldest. A chain that
passes says only that its sealers wrote what stands there. So its results are worth as much as the
sealers are trusted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from mailhost.arc.chain import ArcSet, Chain
from mailhost.dkim.body import BodyForm, BodyHash
from mailhost.dkim.canonical import Canonicalization, relaxed_field
from mailhost.dkim.signed_header import SignedHeader, without_signature
from mailhost.dkim.verify import (
    DKIMStatus,
    VerificationFailed,
    find_key,
    verify_signature,
)
from mailhost.interfaces.dns import Lookups


class ARCStatus(Enum):
    """The results of RFC 8617 §4.4; and TEMPERROR where a key could not be looked up for now."""

    NONE = "none"
    PASS = "pass"
    FAIL = "fail"
    TEMPERROR = "temperror"


@dataclass(frozen=True, slots=True)
class ARCResult:
    """The result for a message. `sets` are the sets of a chain that passes, in the order in which
    the sealers added them; empty otherwise. `reason` says why a chain does not pass."""

    status: ARCStatus
    sets: tuple[ArcSet, ...] = ()
    reason: str = ""

    @property
    def sealers(self) -> tuple[str, ...]:
        """The domains of the sealers, the first one first."""
        return tuple(each.seal.domain for each in self.sets)


def verify_chain(
    header: bytes, chain: Chain, hashes: Mapping[BodyForm, BodyHash], now: float
) -> Lookups[ARCResult]:
    """Return the result for the chain of a header section. `hashes` are those of the body in
    `chain.body_forms`; `now` is in seconds since 1970."""
    if chain.fault:
        return ARCResult(ARCStatus.FAIL, reason=chain.fault)
    if not chain.sets:
        return ARCResult(ARCStatus.NONE)
    newest = chain.sets[-1]
    message = yield from verify_signature(SignedHeader(header), newest.message, hashes, now)
    if message.status is not DKIMStatus.PASS:
        return _failed(message.status, f"message signature {newest.instance}: {message.reason}")
    for number in range(len(chain.sets), 0, -1):
        try:
            yield from _verify_seal(header, chain.sets[:number])
        except VerificationFailed as failed:
            return _failed(failed.status, f"seal {number}: {failed.reason}")
    return ARCResult(ARCStatus.PASS, chain.sets)


def _failed(status: DKIMStatus, reason: str) -> ARCResult:
    temporary = status is DKIMStatus.TEMPERROR
    return ARCResult(ARCStatus.TEMPERROR if temporary else ARCStatus.FAIL, reason=reason)


def _verify_seal(header: bytes, sets: Sequence[ArcSet]) -> Lookups[None]:
    """Verify the seal of the last of these sets. Raises VerificationFailed."""
    seal = sets[-1].seal
    key = yield from find_key(seal.algorithm, seal.selector, seal.domain)
    if not key.verifies(seal.signature, seal_digest(header, sets)):
        raise VerificationFailed(DKIMStatus.FAIL, "the signature does not match")


def seal_digest(header: bytes, sets: Sequence[ArcSet]) -> bytes:
    """Return the SHA-256 digest over the fields of all sets in their order; of the last seal
    without its signature (RFC 8617 §5.1.1)."""
    hashed = hashlib.sha256()
    for each in sets:
        seal = each.seal.field
        for field in (each.results, each.message.field):
            hashed.update(relaxed_field(field.name, field.value))
        if each is not sets[-1]:
            hashed.update(relaxed_field(seal.name, seal.value))
    hashed.update(without_signature(sets[-1].seal.field, header, Canonicalization.RELAXED))
    return hashed.digest()

"""Verification of DKIM signatures, as a machine that asks for keys (RFC 6376 §6.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from mailhost.dkim.body import BodyForm, BodyHash
from mailhost.dkim.key_record import FOR_MAIL, BadKey, KeyRecord, parse_key_record
from mailhost.dkim.signature import Signature, Unreadable
from mailhost.dkim.signed_header import SignedHeader
from mailhost.interfaces.dns import Found, Lookups, ask, txt_of

MOST_CLOCK_SKEW = 300  # seconds that the clock of a signer may differ from ours
MOST_KEY_RECORDS = 3  # of one selector that are read
_ALGORITHMS = {"rsa-sha256": "rsa", "ed25519-sha256": "ed25519"}


class DKIMStatus(Enum):
    """The result for one signature, by the names of RFC 8601 §2.7.1."""

    PASS = "pass"
    FAIL = "fail"
    POLICY = "policy"  # the signature is right, and does not cover the whole body (l=)
    NEUTRAL = "neutral"  # the signature cannot be read
    TEMPERROR = "temperror"
    PERMERROR = "permerror"


@dataclass(frozen=True, slots=True)
class SignatureResult:
    """The result for one signature, and what it says.

    `reason` is for Authentication-Results and the log, empty for a pass. `length` is the number of
    octets of the body that are signed, None for all: what comes after them is by anybody.
    `testing`: the key is marked as one for tests, so a failure is to be ignored. `beginning` is
    the first octets of the signature, by which several signatures differ (RFC 6008).
    """

    status: DKIMStatus
    domain: str
    selector: str
    reason: str = ""
    algorithm: str = ""
    identity: str = ""
    length: int | None = None
    testing: bool = False
    beginning: str = ""


class VerificationFailed(Exception):
    """Ends the work on one signature. `testing`: its key is one for tests."""

    def __init__(self, status: DKIMStatus, reason: str, testing: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.testing = testing


def verify(
    header: bytes,
    signatures: Sequence[Signature | Unreadable],
    hashes: Mapping[BodyForm, BodyHash],
    now: float,
    services: frozenset[str] = FOR_MAIL,
) -> Lookups[list[SignatureResult]]:
    """Return the result for each signature, in order.

    `hashes` are those of the body in the forms of all signatures. `now` is in seconds since 1970.
    The key must be one for one of `services`.
    """
    return (yield from verify_some(SignedHeader(header), signatures, hashes, now, services))


def verify_some(
    signed: SignedHeader,
    signatures: Sequence[Signature | Unreadable],
    hashes: Mapping[BodyForm, BodyHash],
    now: float,
    services: frozenset[str] = FOR_MAIL,
) -> Lookups[list[SignatureResult]]:
    """As `verify`, for some of the signatures of a message."""
    results: list[SignatureResult] = []
    for each in signatures:
        if isinstance(each, Unreadable):
            result = SignatureResult(DKIMStatus.NEUTRAL, each.domain, each.selector, each.reason)
        else:
            result = yield from verify_signature(signed, each, hashes, now, services)
        results.append(result)
    return results


def verify_signature(
    signed: SignedHeader,
    signature: Signature,
    hashes: Mapping[BodyForm, BodyHash],
    now: float,
    services: frozenset[str] = FOR_MAIL,
) -> Lookups[SignatureResult]:
    """Return the result for one signature. DNS is asked only if its body hash is right."""
    try:
        _check_without_key(signed, signature, hashes, now)
        key = yield from find_key(
            signature.algorithm, signature.selector, signature.domain, services
        )
        _check_by_key(signed, signature, key)
    except VerificationFailed as failed:
        return _result(signature, failed.status, failed.reason, failed.testing)
    if hashes[signature.body_form].more:
        text = "the signature does not cover the end of the body (l=)"
        return _result(signature, DKIMStatus.POLICY, text, key.testing)
    return _result(signature, DKIMStatus.PASS, "", key.testing)


def _check_without_key(
    signed: SignedHeader,
    signature: Signature,
    hashes: Mapping[BodyForm, BodyHash],
    now: float,
) -> None:
    """Raises VerificationFailed."""
    _kind(signature.algorithm)
    if not signed.whole:
        raise VerificationFailed(DKIMStatus.PERMERROR, "the header section is too long")
    if signed.count(b"from") != 1:
        text = "the message has not exactly one From field"
        raise VerificationFailed(DKIMStatus.PERMERROR, text)
    if signature.expires is not None and signature.expires + MOST_CLOCK_SKEW < now:
        raise VerificationFailed(DKIMStatus.FAIL, "the signature has expired")
    body = hashes[signature.body_form]
    if not body.whole:
        raise VerificationFailed(DKIMStatus.PERMERROR, "the body is shorter than l= says")
    if body.digest != signature.body_hash:
        raise VerificationFailed(DKIMStatus.FAIL, "the body has changed")


def _check_by_key(signed: SignedHeader, signature: Signature, key: KeyRecord) -> None:
    """Raises VerificationFailed."""
    if key.exact and signature.identity_domain != signature.domain:
        text = "the key is not for subdomains"
        raise VerificationFailed(DKIMStatus.PERMERROR, text, key.testing)
    digest = signed.digest(signature.names, signature.header_form, signature.field)
    if not key.verifies(signature.signature, digest):
        raise VerificationFailed(DKIMStatus.FAIL, "the signature does not match", key.testing)


def find_key(
    algorithm: str, selector: str, domain: str, services: frozenset[str] = FOR_MAIL
) -> Lookups[KeyRecord]:
    """Return the first usable key of a selector, for one of `services`. Raises
    VerificationFailed."""
    kind = _kind(algorithm)
    reply = yield from ask(txt_of(f"{selector}._domainkey.{domain}"))
    if reply.found is Found.FAILED:
        raise VerificationFailed(DKIMStatus.TEMPERROR, "the key could not be looked up")
    reason = "there is no key in DNS"
    for record in reply.records[:MOST_KEY_RECORDS]:
        try:
            key = parse_key_record(record, services)
        except BadKey as bad:
            reason = str(bad)
            continue
        if key.kind == kind:
            return key
        reason = f"the key is one for {key.kind}"
    raise VerificationFailed(DKIMStatus.PERMERROR, reason)


def _kind(algorithm: str) -> str:
    """Return the type of the key for an algorithm. Raises VerificationFailed."""
    kind = _ALGORITHMS.get(algorithm)
    if kind is None:
        text = f"the algorithm {ascii(algorithm)[:30]} is not accepted"
        raise VerificationFailed(DKIMStatus.PERMERROR, text)
    return kind


def _result(
    signature: Signature, status: DKIMStatus, reason: str, testing: bool
) -> SignatureResult:
    return SignatureResult(
        status=status,
        domain=signature.domain,
        selector=signature.selector,
        reason=reason,
        algorithm=signature.algorithm,
        identity=signature.identity,
        length=signature.length,
        testing=testing,
        beginning=signature.beginning,
    )

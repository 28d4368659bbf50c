"""TLSA records as text, and those of a set that can be used (RFC 6698 §2.1, RFC 7672 §3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256, sha512

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from mailhost.interfaces.dns import TLSARecord

DANE_TA = 2  # the record names an authority, whose certificate the host sends with its own
DANE_EE = 3  # the record names the certificate or key of the host itself
CERTIFICATE, PUBLIC_KEY = 0, 1  # selectors
FULL, SHA256, SHA512 = 0, 1, 2  # matching types
_LENGTHS = {SHA256: 32, SHA512: 64}
_DIGESTS = {SHA256: sha256, SHA512: sha512}


def text_of(record: TLSARecord) -> str:
    """Return a record as it is written in a zone (RFC 6698 §2.2)."""
    return f"{record.usage} {record.selector} {record.matching} {record.data.hex()}"


def usable(records: Sequence[TLSARecord]) -> tuple[TLSARecord, ...]:
    """Return the records by which a certificate can be checked.

    The usages 0 and 1 are not for SMTP (RFC 7672 §3.1.3). Of the digests with the same usage and
    selector the strongest alone counts (RFC 7671 §9).
    """
    good = [each for each in records if _is_usable(each)]
    strongest: dict[tuple[int, int], int] = {}
    for each in good:
        kind = (each.usage, each.selector)
        strongest[kind] = max(strongest.get(kind, FULL), each.matching)
    return tuple(
        each for each in good if each.matching in (FULL, strongest[each.usage, each.selector])
    )


def matches(record: TLSARecord, certificate: bytes, key: bytes) -> bool:
    """True if a record is about this certificate, given in DER; `key` is its
    SubjectPublicKeyInfo."""
    data = certificate if record.selector == CERTIFICATE else key
    digest = _DIGESTS.get(record.matching)
    return (digest(data).digest() if digest else data) == record.data


def _is_usable(record: TLSARecord) -> bool:
    if record.usage not in (DANE_TA, DANE_EE) or record.selector not in (CERTIFICATE, PUBLIC_KEY):
        return False
    if record.matching != FULL:
        return len(record.data) == _LENGTHS.get(record.matching)
    load = x509.load_der_x509_certificate
    try:
        load(record.data) if record.selector == CERTIFICATE else load_der_public_key(record.data)
    except Exception:  # noqa: BLE001 - the parsers' exceptions have no common base
        return False
    return True

"""Compares the certificates that a host sent with its TLSA records (RFC 7672 §3).

A certificate that a record of usage 3 names is right, whatever its names and dates are. An
authority that a record of usage 2 names must have issued the certificate of the host, directly or
through others that the host sends too; dates and names count then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from OpenSSL.crypto import (
    FILETYPE_ASN1,
    X509,
    X509Store,
    X509StoreContext,
    X509StoreContextError,
    X509StoreFlags,
    load_certificate,
)

from mailhost.dane.records import CERTIFICATE, DANE_EE, DANE_TA, FULL, matches
from mailhost.interfaces.dns import TLSARecord
from mailhost.interfaces.tls_sessions import TLSFailure
from mailhost.net.tls.names import is_for_one_of
from mailhost.net.tls.peer import Chain, PeerProblem

NO_MATCH = PeerProblem(
    TLSFailure.TLSA_INVALID, "no TLSA record is about the certificate or its authorities"
)
# a domain that chooses both records and chain must not keep the reactor busy
MOST_CERTIFICATES = 10  # of a chain that are looked at
MOST_ANCHORS = 8  # authorities with which a chain is verified
_EXPIRED = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID, X509_V_ERR_CERT_HAS_EXPIRED


def problems(
    records: Sequence[TLSARecord], names: Sequence[str], chain: Chain
) -> tuple[PeerProblem, ...]:
    """Return what is wrong with a chain, nothing where a record accepts it. `records` are usable
    ones. With usage 2 the certificate must be for one of `names`."""
    if not chain:
        return (NO_MATCH,)
    chain = chain[:MOST_CERTIFICATES]
    keys = [_key(each) for each in chain]
    for record in records:
        if record.usage == DANE_EE and matches(record, chain[0], keys[0]):
            return ()
    found: tuple[PeerProblem, ...] = (NO_MATCH,)
    anchors = dict.fromkeys(_anchors(records, chain, keys))  # each once
    for anchor in islice(anchors, MOST_ANCHORS):
        found = tuple(_with_anchor(anchor, chain, names))
        if not found:
            break
    return found


def _anchors(records: Sequence[TLSARecord], chain: Chain, keys: Sequence[bytes]) -> Iterator[bytes]:
    """Yield the certificates of authorities that records name: those among the chain, and those
    that a record has itself."""
    for record in records:
        if record.usage != DANE_TA:
            continue
        for certificate, key in zip(chain[1:], keys[1:], strict=True):
            if matches(record, certificate, key):
                yield certificate
        if record.selector == CERTIFICATE and record.matching == FULL:
            yield record.data


def _with_anchor(anchor: bytes, chain: Chain, names: Sequence[str]) -> Iterator[PeerProblem]:
    """Yield what is wrong with a chain if this one authority is trusted."""
    store = X509Store()
    store.set_flags(X509StoreFlags.PARTIAL_CHAIN)  # an authority below a root is enough
    try:
        store.add_cert(_load(anchor))
        own, *others = map(_load, chain)
        X509StoreContext(store, own, others).verify_certificate()
    except X509StoreContextError as error:
        expired = error.errors[0] in _EXPIRED if error.errors else False
        kind = TLSFailure.EXPIRED if expired else TLSFailure.NOT_TRUSTED
        yield PeerProblem(kind, f"the certificate does not pass for the TLSA records: {error}")
    except Exception:  # noqa: BLE001 - octets that are no certificate
        yield PeerProblem(TLSFailure.OTHER, "a certificate of the chain cannot be read")
    if not is_for_one_of(chain[0], names):
        text = f"the certificate is not for {' or '.join(names)}"
        yield PeerProblem(TLSFailure.HOST_MISMATCH, text)


def _load(der: bytes) -> X509:
    return load_certificate(FILETYPE_ASN1, der)


def _key(der: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate, nothing where it cannot be read."""
    try:
        key = x509.load_der_x509_certificate(der).public_key()
        return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # noqa: BLE001 - unknown kinds of keys have no common exception
        return b""

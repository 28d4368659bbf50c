"""Chains of certificates as a handshake shows them, and TLSA records about them."""

from __future__ import annotations

from hashlib import sha256, sha512

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailhost.interfaces.dns import TLSARecord
from mailhost.net.tls.certificate import PEM
from mailhost.net.tls.peer import Chain


def chain_of(pem: PEM, *more: x509.Certificate) -> Chain:
    """Return the chain of a PEM in DER, and more certificates behind it."""
    found = [*x509.load_pem_x509_certificates(pem.chain), *more]
    return tuple(each.public_bytes(Encoding.DER) for each in found)


def key_of(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate in DER."""
    key = x509.load_der_x509_certificate(certificate).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def record_of(certificate: bytes, usage: int, selector: int, matching: int) -> TLSARecord:
    """Return the record that names a certificate in DER."""
    data = key_of(certificate) if selector else certificate
    digest = {0: bytes, 1: lambda d: sha256(d).digest(), 2: lambda d: sha512(d).digest()}
    return TLSARecord(usage, selector, matching, digest[matching](data))

"""Keys of certificates, requests for certificates, and the id of a certificate (RFC 9773 §4.1).

All functions compute for up to seconds, so they are called in threads.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from mailhost.config.acme import KeyKind

_RSA_BITS = {KeyKind.RSA2048: 2048, KeyKind.RSA3072: 3072, KeyKind.RSA4096: 4096}
_KINDS: Mapping[str, KeyKind] = {"secp256r1": KeyKind.P256, "secp384r1": KeyKind.P384}
_CURVES = {KeyKind.P256: ec.SECP256R1, KeyKind.P384: ec.SECP384R1}


def make_key(kind: KeyKind) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """Return a new key."""
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind]())
    return rsa.generate_private_key(65537, _RSA_BITS[kind])


def key_for(pem: bytes | None, kind: KeyKind) -> ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey:
    """Return the key in a PEM text, a new one of this kind for none or another kind."""
    key = load_pem_private_key(pem, password=None) if pem is not None else None
    if isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) and kind_of(key) is kind:
        return key
    return make_key(kind)


def key_pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    """Return a private key in PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_request(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, names: Sequence[str]
) -> bytes:
    """Return a request for a certificate in PEM (RFC 8555 §7.4)."""
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    request = builder.add_extension(alternatives, critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(Encoding.PEM)


def kind_of(key: object) -> KeyKind | None:
    """Return the kind of a private key, None for one that is never made here."""
    if isinstance(key, rsa.RSAPrivateKey):
        return next((kind for kind, bits in _RSA_BITS.items() if bits == key.key_size), None)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _KINDS.get(key.curve.name)
    return None


def certificate_id(certificate: x509.Certificate) -> str:
    """Return the name of a certificate in renewal information (RFC 9773 §4.1), empty for one that
    does not say by which key it was signed."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier)
    except x509.ExtensionNotFound:
        return ""
    identifier = found.value.key_identifier
    if not identifier:
        return ""
    serial = certificate.serial_number
    octets = serial.to_bytes(serial.bit_length() // 8 + 1, "big")  # with room for the sign bit
    return f"{_base64(identifier)}.{_base64(octets)}"


def _base64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).decode("ascii").rstrip("=")

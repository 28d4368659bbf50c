"""An authority of the playground that issues certificates, right ones and wrong ones.

Programs trust the authority if the variable SSL_CERT_FILE of the environment names its file.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from mailhost.net.tls.certificate import PEM, current_time

NAME = "Playground of mailhost"
VARIABLE = "SSL_CERT_FILE"  # OpenSSL reads the authorities that it trusts from this file


@dataclass(frozen=True, slots=True)
class Validity:
    """`begins` and `ends` are days from today, negative for the past."""

    begins: float = -30
    ends: float = 60


CURRENT = Validity()
SIGNS = (
    x509.KeyUsage(  # Python verifies strictly from 3.13 on: RFC 5280 demands this of an authority
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
)


@dataclass(frozen=True, slots=True)
class Authority:
    """The certificate and the key of an authority, made by `new_authority`."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey = field(repr=False)

    @property
    def pem(self) -> bytes:
        """The file for those who trust this authority."""
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        names: Iterable[str],
        validity: Validity = CURRENT,
        key: ec.EllipticCurvePrivateKey | None = None,
    ) -> PEM:
        """Return a certificate for host names, and its key: a new one unless it is given."""
        key = key or new_key()
        alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
        unsigned = _unsigned(alternatives[0].value, self.certificate.subject, key, validity)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        unsigned = unsigned.add_extension(alternatives, critical=False)
        unsigned = unsigned.add_extension(issuer, critical=False)
        certificate = unsigned.sign(self.key, hashes.SHA256())
        secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return PEM(certificate.public_bytes(Encoding.PEM), secret)


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new key."""
    return ec.generate_private_key(ec.SECP256R1())


def new_authority(name: str = NAME) -> Authority:
    """Return an authority with a new key."""
    key = new_key()
    unsigned = _unsigned(name, _name(name), key, Validity(-365, 3650))
    unsigned = unsigned.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    unsigned = unsigned.add_extension(SIGNS, critical=True)
    return Authority(unsigned.sign(key, hashes.SHA256()), key)


def _unsigned(
    subject: str, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, validity: Validity
) -> x509.CertificateBuilder:
    now = current_time()
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .not_valid_before(now + timedelta(days=validity.begins))
        .not_valid_after(now + timedelta(days=validity.ends))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

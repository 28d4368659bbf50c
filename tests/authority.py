"""A certificate authority of the tests: it issues right certificates and wrong ones.

`Authority.new` makes one, `below` makes an authority below it, whose certificate is then part of
each chain. A certificate that is expired, for another name, or of an unknown authority is made by
the arguments of `issue`, or by a second authority that nobody trusts.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from twisted.internet.ssl import Certificate

from mailhost.net.tls.certificate import PEM, current_time
from mailhost.net.tls.names import is_ip

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Authority:
    """`above` are the certificates of intermediate authorities that servers send, the authority's
    own first; they are empty for a root."""

    certificate: x509.Certificate
    key: Key
    above: tuple[x509.Certificate, ...] = ()

    @classmethod
    def new(cls, name: str = "Authority of the tests") -> Authority:
        """Return a root with a new key."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(_sign(name, None, key, key, ca=True), key)

    def below(self, name: str = "Intermediate authority", ends: float = 365) -> Authority:
        """Return an intermediate authority, valid for `ends` days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _sign(name, self.certificate, key, self.key, ca=True, ends=ends)
        return Authority(certificate, key, (certificate, *self.above))

    def issue(
        self, *names: str, begins: float = -1, ends: float = 90, key: Key | None = None
    ) -> PEM:
        """Return a chain for host names or IP addresses, and its key; a new one unless it is given.
        `begins` and `ends` are days from now, negative ones in the past."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        own = _sign(names[0], self.certificate, key, self.key, names, begins=begins, ends=ends)
        chain = b"".join(each.public_bytes(Encoding.PEM) for each in (own, *self.above))
        return PEM(chain, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    @property
    def pem(self) -> bytes:
        """The contents of a file for programs that trust this authority."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def trust_root(self) -> Certificate:
        """The value for our own clients that trust this authority."""
        return Certificate.loadPEM(self.pem)


def write_pem(folder: str, pem: PEM) -> tuple[str, str]:
    """Write chain.pem and key.pem below a folder, and return both paths."""
    os.makedirs(folder, exist_ok=True)
    paths = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
    for path, contents in zip(paths, (pem.chain, pem.key), strict=True):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(contents)
    return paths


def _sign(
    name: str,
    issuer: x509.Certificate | None,
    key: Key,
    by: Key,
    names: tuple[str, ...] = (),
    ca: bool = False,
    begins: float = -1,
    ends: float = 365,
) -> x509.Certificate:
    now = current_time()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(days=begins))
        .not_valid_after(now + timedelta(days=ends))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if names:
        alternatives = x509.SubjectAlternativeName(list(map(_general_name, names)))
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(by, hashes.SHA256())


def _general_name(name: str) -> x509.GeneralName:
    return x509.IPAddress(ip_address(name)) if is_ip(name) else x509.DNSName(name)

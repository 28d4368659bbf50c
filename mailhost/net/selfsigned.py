"""A self-signed certificate for a host that has no other yet: made once, then kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from mailhost.net.tls import CertificateFiles

LIFETIME = timedelta(days=3650)


def make_self_signed(
    folder: str, hostname: str, addresses: Sequence[str] = ("127.0.0.1", "::1")
) -> CertificateFiles:
    """Return the pair in `folder`, making it where it is missing. Blocks. Raises OSError.

    It is for `hostname`, `localhost` and the IP `addresses`.
    """
    files = CertificateFiles(os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem"))
    if os.path.exists(files.chain) and os.path.exists(files.key):
        return files
    os.makedirs(folder, mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, hostname, addresses)
    _write(files.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(files.chain, certificate.public_bytes(Encoding.PEM))
    return files


def _certificate(
    key: ec.EllipticCurvePrivateKey, hostname: str, addresses: Sequence[str]
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = datetime.now(UTC)
    names = [x509.DNSName(hostname), x509.DNSName("localhost")]
    numbers = [x509.IPAddress(ip_address(address)) for address in addresses]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([*names, *numbers]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    )
    return builder.sign(key, hashes.SHA256())


def _write(path: str, pem: bytes) -> None:
    """Write under another name first: a crash never leaves half a key behind."""
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(pem)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)

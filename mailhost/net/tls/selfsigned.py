"""A self-signed certificate, made once, so that TLS works before there is one of an authority.

It is valid for ten years, since it is not renewed, and clients that verify certificates do not
trust it anyway. It is for `localhost` too, for tests on one machine.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mailhost.net.tls.certificate import current_time
from mailhost.net.tls.server import CertificatePaths

VALIDITY = timedelta(days=3650)
CLOCK_SKEW = timedelta(days=1)
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")


def make_self_signed(folder: str, hostname: str, names: Iterable[str] = ()) -> CertificatePaths:
    """Make `folder`/chain.pem and `folder`/key.pem (mode 600), unless both can be read.

    The certificate is for `hostname`, `names` and this machine's own; names are host names or IP
    addresses. Returns both paths. Blocks for the disk. Raises OSError.
    """
    chain_path, key_path = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
    # files that only another user, such as root, can read are replaced
    if all(os.access(path, os.R_OK, effective_ids=True) for path in (chain_path, key_path)):
        return chain_path, key_path
    os.makedirs(folder, mode=0o700, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, hostname, (hostname, *names, *LOCAL_NAMES), current_time())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(key_path, secret)
    _write(chain_path, certificate.public_bytes(Encoding.PEM))
    return chain_path, key_path


def _certificate(
    key: ec.EllipticCurvePrivateKey, hostname: str, names: Iterable[str], now: datetime
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    public = key.public_key()
    alternatives = x509.SubjectAlternativeName(map(_general_name, dict.fromkeys(names)))
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + VALIDITY)
        .add_extension(alternatives, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(identifier, critical=False)
        .sign(key, hashes.SHA256())
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: str, contents: bytes) -> None:
    """Write a file that is whole or not there, through no file or link that was there before."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with suppress(FileNotFoundError):
        os.unlink(temporary)  # left by a process that died and had the same process id
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(contents)
    os.replace(temporary, path)

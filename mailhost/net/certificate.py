"""Certificate files: read, checked against their keys, and the names that they stand for.

What is wrong is told with the file's path and what to do. A certificate that has run out, or is
for the future, is a warning and no fault: an old certificate serves mail better than none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mailhost.message.address import BadAddress, parse_domain


class BadCertificate(Exception):
    """A certificate cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class PEM:
    """A chain and its key as their files hold them. Never shown by `repr`."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A chain, own certificate first, its key, the names it is for, and what an operator should
    know about them."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKeyTypes
    names: tuple[str, ...]
    warnings: tuple[str, ...]
    pem: PEM


def read_certificate(chain_path: str, key_path: str, now: datetime) -> CertificateFiles:
    """Read a PEM chain and its key. Blocks for the disk. Raises BadCertificate."""
    pem = PEM(_read(chain_path), _read(key_path))
    chain = _chain(pem.chain, chain_path)
    key = _key(pem.key, key_path)
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*public) != key.public_key().public_bytes(*public):
        raise BadCertificate(
            f"the key in {key_path} is not that of the first certificate in {chain_path}; "
            "name the key that the certificate was made for, and put that certificate first"
        )
    warnings = (*_validity(chain_path, chain[0], now), *_exposure(key_path))
    return CertificateFiles(chain, key, names_of(chain[0]), warnings, pem)


def parse_certificate(pem: PEM) -> CertificateFiles:
    """Take what another process has read and checked."""
    chain = _chain(pem.chain, "the head's certificate")
    key = _key(pem.key, "the head's key")
    return CertificateFiles(chain, key, names_of(chain[0]), (), pem)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names among the subject's alternative names, in their normal form."""
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(map(normal_name, found.value.get_values_for_type(x509.DNSName)))


def normal_name(name: str) -> str:
    """Return a host name, or one with a `*` as its first label, as names are compared here."""
    star, dot, rest = name.partition(".")
    if star == "*" and dot:
        return f"*.{normal_name(rest)}"
    try:
        return parse_domain(name.removesuffix("."))
    except BadAddress:
        return name.lower()


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadCertificate(f"cannot read {path}: {error.strerror}") from error


def _chain(pem: bytes, path: str) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except ValueError as error:
        raise BadCertificate(
            f"{path} holds no certificate in PEM (-----BEGIN CERTIFICATE-----): {error}"
        ) from error


def _key(pem: bytes, path: str) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise BadCertificate(
            f"the key in {path} asks for a passphrase; write it without one, readable for the "
            "host's user alone"
        ) from error
    except Exception as error:  # the parser's exceptions have no common base
        raise BadCertificate(f"{path} holds no private key in PEM: {error}") from error


def _validity(path: str, certificate: x509.Certificate, now: datetime) -> Iterator[str]:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    if ends < now:
        yield f"the certificate in {path} ran out on {ends:%Y-%m-%d}; renew it"
    if begins > now:
        yield f"the certificate in {path} is not valid before {begins:%Y-%m-%d %H:%M} UTC"


def _exposure(path: str) -> Iterator[str]:
    if os.stat(path).st_mode & stat.S_IROTH:
        yield f"everybody on this machine can read the key in {path}; run: chmod o= {path}"


def current_time() -> datetime:
    """The time that validity is measured by."""
    return datetime.now(UTC)

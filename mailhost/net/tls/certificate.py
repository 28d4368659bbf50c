"""Certificate files: read, checked against their keys, and the names that they stand for.

An error names the file's path and the remedy. A certificate that has expired, or is not valid yet,
is no fault here (see `certificate_checks`): it serves mail better than none.
"""

from __future__ import annotations

import os
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mailhost.config.file_access import remedy_for_us
from mailhost.message.address import BadAddress, parse_domain


class BadCertificate(Exception):
    """A certificate cannot be used; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class PEM:
    """A chain and its key as their files hold them. Never shown by `repr`."""

    chain: bytes = field(repr=False)
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """The properties of a file that change when it is written or replaced, but not when its owner
    or mode changes. `modified` is in nanoseconds since the epoch."""

    inode: int
    size: int
    modified: int


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """A chain, own certificate first, its key, and the names it is for.

    `paths` are the files of the chain and the key, `marks` their marks from when they were read;
    both are empty for a certificate that another process read.
    """

    chain: tuple[x509.Certificate, ...]
    key: PrivateKeyTypes
    names: tuple[str, ...]
    pem: PEM
    paths: tuple[str, ...] = ()
    marks: tuple[Mark | None, ...] = ()


def read_certificate(chain_path: str, key_path: str) -> CertificateFiles:
    """Read a PEM chain and its key. Blocks for the disk. Raises BadCertificate."""
    paths = (chain_path, key_path)
    (chain_pem, chain_mark), (key_pem, key_mark) = map(_read, paths)
    pem = PEM(chain_pem, key_pem)
    chain = _chain(pem.chain, chain_path)
    key = _key(pem.key, key_path)
    public = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if chain[0].public_key().public_bytes(*public) != key.public_key().public_bytes(*public):
        raise BadCertificate(
            f"the key in {key_path} is not that of the first certificate in {chain_path}; "
            "name the key that the certificate was made for, and put that certificate first"
        )
    marks = (chain_mark, key_mark)
    return CertificateFiles(chain, key, names_of(chain[0]), pem, paths, marks)


def parse_certificate(pem: PEM) -> CertificateFiles:
    """Return a certificate that another process has read and checked."""
    chain = _chain(pem.chain, "the head's certificate")
    key = _key(pem.key, "the head's key")
    return CertificateFiles(chain, key, names_of(chain[0]), pem)


def mark_of(path: str) -> Mark | None:
    """Return the mark of a file, None where it cannot be examined. Blocks for the disk."""
    try:
        return _mark(os.stat(path))
    except OSError:
        return None


def _mark(found: os.stat_result) -> Mark:
    return Mark(found.st_ino, found.st_size, found.st_mtime_ns)


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


def covers(names: Container[str], name: str) -> bool:
    """True where a certificate with these names is for a name (RFC 9525 §6.3): by the same name, or
    by `*` for its first label."""
    return rank(names, name) < 2


def rank(names: Container[str], name: str) -> int:
    """Return 0 for a certificate with this very name, 1 for one with `*` for its first label, else
    2. Listeners offer the first certificate of the lowest rank to a client that asks for a name."""
    return 0 if name in names else 1 if f"*.{name.partition('.')[2]}" in names else 2


def _read(path: str) -> tuple[bytes, Mark]:
    """Return the contents of a file, and its mark from before it was read."""
    try:
        with open(path, "rb") as file:
            mark = _mark(os.fstat(file.fileno()))
            return file.read(), mark
    except PermissionError as error:
        raise BadCertificate(_forbidden(path, str(error.strerror))) from error
    except OSError as error:
        raise BadCertificate(f"cannot read {path}: {error.strerror}") from error


def _forbidden(path: str, reason: str) -> str:
    """Return what is wrong, and what helps: as far as this process can see, and then exactly."""
    commands = remedy_for_us(path)
    remedy = f"run as root: {commands}; " if commands else ""
    text = "`mailhost check-config` as root shows all that is closed"
    return f"cannot read {path}: {reason}; {remedy}{text}"


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


def current_time() -> datetime:
    """Return the time with which dates of validity are compared."""
    return datetime.now(UTC)

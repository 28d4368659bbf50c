"""Checks that two PEM files are a certificate chain and its key, and names the usual mistakes."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

from mailhost.config.model import Certificate
from mailhost.config.problems import Problem

_KEY = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----")
_CERTIFICATE = b"-----BEGIN CERTIFICATE-----"
_ENCRYPTED = (b"ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED")
LARGEST_FILE = 1_000_000  # octets that are read


def check_pair(key: str, certificate: Certificate) -> Iterator[Problem]:
    """Yield the fault of two files that can be read. `key` is the table that names them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate.chain, certificate.key, password=lambda: "")
    except (ssl.SSLError, OSError, ValueError) as error:
        yield Problem(*_explained(key, certificate, getattr(error, "reason", None) or str(error)))


def _explained(key: str, certificate: Certificate, reason: str) -> tuple[str, str]:
    chain, private = _start(certificate.chain), _start(certificate.key)
    if _KEY.search(chain) and _CERTIFICATE in private and not _KEY.search(private):
        text = f"{certificate.chain} is the key, {certificate.key} the certificate; swap them"
        return key, text
    if _CERTIFICATE not in chain:
        return f"{key}.chain", f"{certificate.chain} holds no certificate in PEM"
    if not _KEY.search(private):
        return f"{key}.key", f"{certificate.key} holds no private key in PEM"
    if any(mark in private for mark in _ENCRYPTED):
        text = f"{certificate.key} has a passphrase; remove it with: openssl pkey -in FILE"
        return f"{key}.key", text
    if reason == "KEY_VALUES_MISMATCH":
        text = f"{certificate.key} is not the key of the first certificate in {certificate.chain}"
        return key, text
    files = f"{certificate.chain} and {certificate.key}"
    return key, f"{files} are not a PEM chain and its key ({reason})"


def _start(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(LARGEST_FILE)

"""Checks certificates that can be used: their dates and names, and keys that others can read.

`mailhost check-config` and `mailhost doctor` print the findings; the host logs them at the start
and once a day.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from cryptography import x509

from mailhost.net.tls.certificate import CertificateFiles, covers

WARNING_TIME = timedelta(days=14)  # ACME clients renew 30 days before the end of 90
WARNING_SHARE = 4  # short-lived certificates: the last quarter of their life


class CertificateFault(Enum):
    """The kinds of findings."""

    EXPIRED = auto()
    EXPIRES = auto()  # soon
    NOT_YET_VALID = auto()
    MUST_STAPLE = auto()  # it demands OCSP responses
    NAME = auto()  # none is for the host's name
    KEY_OPEN = auto()  # others can read or write the key
    UNUSABLE = auto()  # the files are no certificate and its key
    UNREADABLE = auto()  # for the user as which the host runs


@dataclass(frozen=True, slots=True)
class CertificateFinding:
    """`serious` means that clients which verify certificates cannot connect, or will not be able
    to after a reload. `path` is the file, empty where several matter, or none."""

    text: str
    fault: CertificateFault
    serious: bool = False
    path: str = ""

    @property
    def is_end(self) -> bool:
        """True for a certificate that has expired, or does so soon."""
        return self.fault in (CertificateFault.EXPIRED, CertificateFault.EXPIRES)


def findings(
    certificates: Sequence[CertificateFiles], hostname: str, now: datetime
) -> list[CertificateFinding]:
    """Return the findings about certificates and their keys. Blocks for the disk."""
    found: list[CertificateFinding] = []
    for files in certificates:
        chain_path, key_path = files.paths or ("memory", "")
        found += _validity(chain_path, files.chain[0], now)
        found += _must_staple(chain_path, files.chain[0])
        found += _exposure(key_path)
    if not any(is_for(files, hostname) for files in certificates):
        found.append(_no_name(certificates, hostname))
    return found


def is_for(files: CertificateFiles, hostname: str) -> bool:
    """True where a certificate is for a host."""
    return covers(files.names, hostname)


def _validity(
    path: str, certificate: x509.Certificate, now: datetime
) -> Iterator[CertificateFinding]:
    ends, begins = certificate.not_valid_after_utc, certificate.not_valid_before_utc
    left = ends - now
    if left <= timedelta(0):
        text = f"the certificate in {path} expired on {ends:%Y-%m-%d}; renew it"
        yield CertificateFinding(text, CertificateFault.EXPIRED, serious=True, path=path)
    elif left < min(WARNING_TIME, (ends - begins) / WARNING_SHARE):
        days = f"{left.days} day{'s' * (left.days != 1)}" if left.days else "hours"
        yield CertificateFinding(
            f"the certificate in {path} expires within {days}, at {ends:%Y-%m-%d %H:%M} UTC; "
            "`mailhost certificates` or the log of your ACME client says why it was not renewed",
            CertificateFault.EXPIRES,
            path=path,
        )
    if begins > now:
        text = f"the certificate in {path} is not valid before {begins:%Y-%m-%d %H:%M} UTC"
        text += "; check this machine's clock"
        yield CertificateFinding(text, CertificateFault.NOT_YET_VALID, serious=True)


def _must_staple(path: str, certificate: x509.Certificate) -> Iterator[CertificateFinding]:
    """Clients refuse such a certificate without an OCSP response in the handshake (RFC 7633)."""
    try:
        features = certificate.extensions.get_extension_for_class(x509.TLSFeature).value
    except (x509.ExtensionNotFound, ValueError):
        return
    if x509.TLSFeatureType.status_request in features:
        text = (
            f"the certificate in {path} demands an OCSP response (Must-Staple), which the host "
            "does not send, so clients that obey this refuse it; get one without that extension"
        )
        yield CertificateFinding(text, CertificateFault.MUST_STAPLE, serious=True)


def _exposure(path: str) -> Iterator[CertificateFinding]:
    """A key that every user of the machine can read or write."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return  # the reason is reported where the key is read
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        can = "read" if mode & stat.S_IROTH else "overwrite"
        yield CertificateFinding(
            f"everybody on this machine can {can} the key in {path}; run: chmod o= {path}",
            CertificateFault.KEY_OPEN,
        )


def _no_name(certificates: Sequence[CertificateFiles], hostname: str) -> CertificateFinding:
    names = [name for files in certificates for name in files.names]
    remedy = "get one for it, or change hostname"
    if "localhost" in names:  # the self-signed certificate has this name too
        remedy += "; the next start makes a self-signed one if its two files are removed"
    return CertificateFinding(
        f"no certificate is for {hostname}, only for {', '.join(names) or 'no host'}: clients that "
        f"verify names cannot connect; {remedy}",
        CertificateFault.NAME,
    )

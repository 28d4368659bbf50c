"""Verifies that a listener is the host itself before a password is sent to it.

Another program of this machine can listen at a port while the host does not. The certificate shows
the difference: only the host has the key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificates

from mailhost.config.model import Settings
from mailhost.doctor.finding import Finding, unknown
from mailhost.doctor.host.certificate_files import certificate_paths
from mailhost.doctor.round_trip.faults import TEST_PASSWORD_WITHHELD


class NotOurs(Exception):
    """The listener has no certificate of the host."""


def own_certificates(settings: Settings) -> frozenset[bytes]:
    """Return the certificates of the host in DER. Files that this user cannot read are left out.
    Blocks for the disk."""
    return frozenset(_certificates(settings))


def _certificates(settings: Settings) -> Iterator[bytes]:
    for path, _ in certificate_paths(settings):
        try:
            with open(path, "rb") as file:
                chain = load_pem_x509_certificates(file.read())
        except (OSError, ValueError):
            continue
        yield chain[0].public_bytes(Encoding.DER)


def verify(offered: bytes | None, own: Collection[bytes]) -> None:
    """Raise NotOurs unless the certificate that a listener has `offered`, in DER, is one of the
    host's `own`."""
    if offered not in own:
        raise NotOurs


def withheld(tried: str) -> Finding:
    """Return the finding about a listener to which the password was not sent."""
    seen = (
        "the password was not sent, since the port offers a certificate that is not in the files "
        "of the settings, as far as this user can read them: another program may listen there"
    )
    remedy = (
        "Run `mailhost doctor`, which names other programs at ports of the host. If the host "
        "itself listens there, let it read its certificate again:"
    )
    return unknown(TEST_PASSWORD_WITHHELD, tried, seen, remedy, "mailhost reload")

"""Judges the certificate of a server by its authority, names and dates."""

from __future__ import annotations

from datetime import datetime, timedelta

from mailhost.doctor.server.record import Record, SeenCertificate, SeenTLS
from mailhost.doctor.server.services import Place
from mailhost.net.tls.certificate import normal_name

SELF_SIGNED_CODE = 18  # X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT
ENDING = timedelta(days=7)
ENDING_SHARE = 10  # short-lived certificates: the last tenth of their life


def is_verified(tls: SeenTLS, place: Place, now: datetime) -> bool:
    """Return True if a mail program that verifies certificates accepts this one."""
    certificate = tls.certificate
    return (
        certificate is not None
        and tls.judged
        and certificate.trusted
        and names_host(certificate, place.host)
        and certificate.begins <= now < certificate.ends
    )


def may_log_in(record: Record, insecure: bool, now: datetime) -> bool:
    """Return True if the password may be sent over this connection: over TLS to the server that the
    certificate names, on loopback, or where the operator allows it."""
    if insecure or record.place.on_loopback:
        return True
    return record.tls is not None and is_verified(record.tls, record.place, now)


def names_host(certificate: SeenCertificate, host: str) -> bool:
    """Return True if the certificate is for `host` (RFC 6125 §6.4): by its name, by `*` for one
    label, or by its address."""
    name = normal_name(host)
    wildcard = f"*.{name.partition('.')[2]}"
    return host in certificate.names or name in certificate.names or wildcard in certificate.names


def is_ending(certificate: SeenCertificate, now: datetime) -> bool:
    """Return True for a certificate that is about to expire and was not renewed."""
    life = certificate.ends - certificate.begins
    return certificate.ends - now < min(ENDING, life / ENDING_SHARE)

"""The names of servers: as they are sent in a handshake, and as certificates have them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address

from cryptography import x509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import extract_patterns
from service_identity.hazmat import DNS_ID, IPAddress_ID, ServiceID, verify_service_identity

from mailhost.net.tls.certificate import normal_name


def server_name(hostname: str) -> bytes:
    """Return what a client sends as the server name (RFC 6066 §3): empty for an IP address."""
    name = "" if is_ip(hostname) else normal_name(hostname)
    return name.encode() if name.isascii() else b""


def is_ip(hostname: str) -> bool:
    """True for an IP address, also one with a zone."""
    with suppress(ValueError):
        return bool(ip_address(hostname.partition("%")[0]))
    return False


def is_for_one_of(certificate: bytes, names: Sequence[str]) -> bool:
    """True where a certificate in DER is for one of several host names or IP addresses (RFC 9525
    §6). One that cannot be parsed is for none."""
    try:
        patterns = extract_patterns(x509.load_der_x509_certificate(certificate))
    except Exception:  # noqa: BLE001 - the parsers' exceptions have no common base
        return False
    for name in names:
        with suppress(CertificateError, VerificationError, ValueError):
            verify_service_identity(patterns, [_service(name)], [])
            return True
    return False


def _service(name: str) -> ServiceID:
    """Return the identity to look for. Raises ValueError for a name that no certificate has."""
    return IPAddress_ID(name) if is_ip(name) else DNS_ID(normal_name(name))

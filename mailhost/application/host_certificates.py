"""The certificates of the host as facts for the plans of its domains: the key at port 25, and the
authority that issues them."""

from __future__ import annotations

from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailhost.config.model import Settings
from mailhost.dns_records.facts import CertificateKey, HostCertificates
from mailhost.doctor.host.certificate_files import certificate_paths
from mailhost.net.tls.names import is_for_one_of


def host_certificates(settings: Settings) -> HostCertificates:
    """Return the facts. Files that cannot be read are left out, which the doctor reports, and the
    demo has no name in DNS. Blocks for the disk."""
    found: list[x509.Certificate] = []
    for chain, _ in () if settings.demo else certificate_paths(settings):
        with suppress(OSError, ValueError), open(chain, "rb") as file:
            found.append(x509.load_pem_x509_certificates(file.read())[0])
    # as RoleContexts chooses: the first for the name, else the first of all
    name = [settings.hostname]
    fitting = [each for each in found if is_for_one_of(each.public_bytes(Encoding.DER), name)]
    return HostCertificates(tuple(map(_key, [*fitting, *found][:1])))


def _key(certificate: x509.Certificate) -> CertificateKey:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return CertificateKey(certificate.public_key().public_bytes(*form))

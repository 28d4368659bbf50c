"""The certificates of the host as facts for the plans of its domains: the key at port 25, and the
authority that issues them."""

from __future__ import annotations

from contextlib import suppress

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailhost.certificates.in_use import folder_of, paths_in_use
from mailhost.certificates.keys import public_half
from mailhost.config.model import Settings
from mailhost.dns_records.facts import Authority, CertificateKey, HostCertificates
from mailhost.net.tls.names import is_for_one_of


def host_certificates(settings: Settings) -> HostCertificates:
    """Return the facts. Files that cannot be read are left out, which the doctor reports, and the
    demo has no name in DNS. Blocks for the disk."""
    found: list[x509.Certificate] = []
    for chain, _ in () if settings.demo else paths_in_use(settings):
        with suppress(OSError, ValueError), open(chain, "rb") as file:
            found.append(x509.load_pem_x509_certificates(file.read())[0])
    # as RoleContexts chooses: the first for the name, else the first of all
    name = [settings.hostname]
    fitting = [each for each in found if is_for_one_of(each.public_bytes(Encoding.DER), name)]
    keys = [*map(_key, [*fitting, *found][:1])]
    acme = settings.tls.acme
    if not acme.agree:
        return HostCertificates(tuple(keys))
    with suppress(OSError):
        coming = public_half(folder_of(settings.data).next_key(settings.hostname))
        keys += [CertificateKey(coming, coming=True)] if coming and not settings.demo else []
    return HostCertificates(tuple(keys), _authority(settings))


def _authority(settings: Settings) -> Authority | None:
    """Return the authority of the settings, None before the host has an account there."""
    with suppress(OSError):
        account = folder_of(settings.data).account(settings.tls.acme.directory)
        if account is not None and account.caa:
            return Authority(account.caa, account.url)
    return None


def _key(certificate: x509.Certificate) -> CertificateKey:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return CertificateKey(certificate.public_key().public_bytes(*form))

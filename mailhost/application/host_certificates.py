"""The certificates of the host as facts for the plans of its domains: the key at port 25, and the
authority that issues them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailhost.certificates.folder import CertificateFolder
from mailhost.certificates.next_key import public_of, read_next_key
from mailhost.config.model import Settings
from mailhost.dns_records.facts import Authority, CertificateKey, HostCertificates
from mailhost.doctor.host.certificate_files import certificate_paths
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.net.tls.certificate import names_of, rank

# the names in CAA records of public authorities, by the host of their ACME directories
_AUTHORITIES: Mapping[str, tuple[str, ...]] = {
    "acme-v02.api.letsencrypt.org": ("letsencrypt.org",),
    "acme-staging-v02.api.letsencrypt.org": ("letsencrypt.org",),
    "acme.zerossl.com": ("sectigo.com", "comodoca.com", "trust-provider.com", "zerossl.com"),
    "api.buypass.com": ("buypass.com",),
    "dv.acme-v02.api.pki.goog": ("pki.goog",),
    "acme.ssl.com": ("ssl.com",),
}


def host_certificates(settings: Settings) -> HostCertificates:
    """Return the facts. Files that cannot be read are left out, which the doctor reports, and the
    demo has no name in DNS. Blocks for the disk."""
    if settings.demo:
        return HostCertificates()
    return HostCertificates(tuple(_keys(settings)), _authority(settings))


def _keys(settings: Settings) -> Iterator[CertificateKey]:
    """Yield the key at port 25 for the host's name, and the next one that ordered certificates will
    have."""
    found: list[x509.Certificate] = []
    for chain, _ in certificate_paths(settings):
        with suppress(OSError, ValueError), open(chain, "rb") as file:
            found.append(x509.load_pem_x509_certificates(file.read())[0])
    found.sort(key=lambda each: rank(names_of(each), settings.hostname))
    for certificate in found[:1]:
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        yield CertificateKey(certificate.public_key().public_bytes(*form))
    if found and settings.tls.acme.agree:
        with suppress(OSError):
            coming = read_next_key(settings.data, settings.hostname)
            if coming is not None:
                yield CertificateKey(public_of(coming), coming=True)


def _authority(settings: Settings) -> Authority | None:
    """Return the authority that issues certificates by ACME; None where the host orders none, or
    the name of its authority in CAA records is not known."""
    acme = settings.tls.acme
    if not acme.agree:
        return None
    folder = CertificateFolder(settings.data, BlockingCommitter(OperatingSystem()).commit)
    names, account = _issuer(folder, acme.directory)
    if not names:
        return None
    trial_names, trial = _issuer(folder, acme.try_first) if acme.try_first else ((), "")
    accounts = (account, trial if {*names} & {*trial_names} else "")
    return Authority(names, tuple(filter(None, accounts)) if account else ())


def _issuer(folder: CertificateFolder, directory: str) -> tuple[tuple[str, ...], str]:
    """Return the names of the authority of a directory in CAA records, and the URI of our account
    there; nothing where they are not known."""
    account = None
    with suppress(OSError):
        account = folder.account(directory)
    names = _AUTHORITIES.get(urlsplit(directory).hostname or "", ())
    return (account.caa or names, account.url) if account else (names, "")

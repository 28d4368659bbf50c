"""Facts about the host and about one domain, from which a plan is made."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from mailhost.interfaces.signing import DomainKey
from mailhost.message.address import Address
from mailhost.mta_sts.policy import STSPolicy


class AddressSource(Enum):
    """How the addresses of the host were found; each value completes "they are ..."."""

    SETTINGS = "those of dns.addresses in the settings"
    RESOLVER = "those that DNS has for the host's name"
    MACHINE = "those from which this machine reaches other hosts"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class HostAddresses:
    """The addresses at which other hosts reach this one, as texts. `other` are further addresses
    of this machine, from which mail may leave."""

    found: tuple[str, ...]
    source: AddressSource
    other: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailService:
    """A service for mail programs (RFC 6186, RFC 8314): the name of its SRV record, and its port.
    `preferred` services have the lower priority number."""

    label: str
    port: int
    preferred: bool = True


@dataclass(frozen=True, slots=True)
class CertificateKey:
    """A public key of the certificates at port 25, as the DER of its SubjectPublicKeyInfo. A
    `coming` key is that of the next certificate."""

    public: bytes
    coming: bool = False


@dataclass(frozen=True, slots=True)
class Authority:
    """The authority that issues certificates by ACME: its names in CAA records, the usual one
    first, and the URIs of our accounts there, that for trials last; none where they are not known
    (RFC 8657 §3)."""

    names: tuple[str, ...]
    accounts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HostCertificates:
    """The certificates of the host. The first of `keys` is in use at port 25 for the host's name.
    `authority` is None where no certificates are issued by ACME."""

    keys: tuple[CertificateKey, ...] = ()
    authority: Authority | None = None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The host itself. `senders` are source addresses of the settings, from which mail leaves.
    `spf` are further mechanisms of the SPF record at the host's name, if that `receives` mail as a
    domain of its own. `https` is the port of its web listener, 0 for none."""

    hostname: str
    addresses: HostAddresses
    services: tuple[MailService, ...] = ()
    senders: tuple[str, ...] = ()
    receives: bool = False
    spf: tuple[str, ...] = ()
    https: int = 0
    certificates: HostCertificates = HostCertificates()


@dataclass(frozen=True, slots=True)
class DomainFacts:
    """One domain. `receives` is false for the host's own name if that is no domain of mail.
    `signer` is the domain by whose `keys` its mail is signed, empty if it is not signed.
    `spf` are further mechanisms of its SPF record, such as `include:_spf.isp.example`.
    `unknown_routes` are smarthosts that carry its mail, and for which no mechanism is known.
    `reports` takes its DMARC reports. `policy_of` is the nearest domain of this host above it,
    whose DMARC record applies to it too; empty if there is none. `sts` is its policy of
    MTA-STS, None if this host serves none. `tls_reports` takes reports about TLS to it."""

    domain: str
    receives: bool = True
    signer: str = ""
    keys: tuple[DomainKey, ...] = ()
    spf: tuple[str, ...] = ()
    unknown_routes: tuple[str, ...] = ()
    reports: Address | None = None
    policy_of: str = ""
    sts: STSPolicy | None = None
    tls_reports: Address | None = None

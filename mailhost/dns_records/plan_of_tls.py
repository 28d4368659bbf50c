"""The part of a plan that is about TLS: the policy of MTA-STS, the address for reports, the keys of
certificates (TLSA), the authority that may issue them (CAA), and the names of the web listener."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from mailhost.dns_records.facts import CertificateKey, DomainFacts, HostFacts
from mailhost.dns_records.mailto import mailto
from mailhost.dns_records.record import PlannedRecord, Topic
from mailhost.mta_sts.own import own_record
from mailhost.mta_sts.record import record_name

_WEB_NAMES = {
    "autoconfig": "Mail programs such as Thunderbird get their settings at this name.",
    "autodiscover": "Mail programs such as Outlook get their settings at this name.",
    "mta-sts": "Other hosts get the policy of MTA-STS at this name.",
}


def web_names(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    """Yield the names of the web listener. That of MTA-STS is needed for a policy alone."""
    for label, purpose in _WEB_NAMES.items() if own.receives and host.https else ():
        name = f"{label}.{own.domain}"
        if name != host.hostname and (own.sts or label != "mta-sts"):
            yield PlannedRecord(name, "CNAME", f"{host.hostname}.", Topic.WEB, purpose)


def mta_sts(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    """Yield the record that says that the domain has a policy (RFC 8461 §3.1)."""
    if own.receives and own.sts is not None:
        text = own_record(own.sts)
        purpose = "Other hosts fetch the policy of MTA-STS when this id changes."
        yield PlannedRecord(record_name(own.domain), "TXT", text, Topic.MTA_STS, purpose)


def tls_reports(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    """Yield the record that asks for reports about TLS (RFC 8460 §3)."""
    if own.receives and own.tls_reports:
        text = f"v=TLSRPTv1; rua={mailto(own.tls_reports)}"
        purpose = "Other hosts report there whether TLS with this host works (TLS-RPT)."
        name = f"_smtp._tls.{own.domain}"
        yield PlannedRecord(name, "TXT", text, Topic.TLS_RPT, purpose)


def tlsa(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    """Yield a record for each key, also for one that no certificate has yet (RFC 7671 §8.1)."""
    for key in host.certificates.keys:
        use = "of the next certificate" if key.coming else "of the certificate in use"
        purpose = f"DANE: the key {use}. Add it only if DNSSEC signs the zone."
        name = f"_25._tcp.{host.hostname}"
        yield PlannedRecord(name, "TLSA", tlsa_data(key), Topic.TLSA, purpose)


def tlsa_data(key: CertificateKey) -> str:
    """Return the data of the record for a key: DANE-EE, the key, SHA-256 (RFC 7672 §3.1.1)."""
    return f"3 1 1 {hashlib.sha256(key.public).hexdigest()}"


def caa(host: HostFacts, own: DomainFacts) -> Iterator[PlannedRecord]:
    """Yield the record at the host's name alone; names with a CNAME to it have the same (RFC 8659
    §3), and one for each of our accounts. One at the domain would also bind its web sites."""
    authority = host.certificates.authority
    if authority is None:
        return
    for account in authority.accounts or ("",):
        only = f"; accounturi={account}" if account else ""
        data = f'0 issue "{authority.names[0]}{only}"'
        purpose = "Only this authority may issue certificates for this name, and names below it."
        yield PlannedRecord(host.hostname, "CAA", data, Topic.CAA, purpose)

"""Checks the certificate files of the settings: readable, dates, names, keys, and whether the chain
leads to an authority that this machine trusts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.host.certificate_faults import file_findings
from mailhost.doctor.host.certificate_files import read_certificates
from mailhost.doctor.host.chain import chain_fault, is_self_signed
from mailhost.doctor.host.data_folder import DISK_SLOW
from mailhost.mta_sts.policy import Mode
from mailhost.net.tls.certificate import BadCertificate, CertificateFiles, current_time
from mailhost.net.tls.certificate_checks import CertificateFinding, is_for

CERTIFICATE_SELF_SIGNED = Fault(
    "certificate-self-signed",
    "Mail programs warn of the certificate or refuse to connect; other mail hosts accept it.",
)
CERTIFICATE_CHAIN = Fault(
    "certificate-chain",
    "Mail programs cannot verify a certificate without the certificates between it and a root.",
)
STS_ENFORCED = Fault(
    "mta-sts-certificate",
    "Other hosts obey the policy of MTA-STS: they do not deliver to a host whose certificate they "
    "cannot verify.",
)
TOPIC = "Certificates"
SECONDS = 3.8
MOST_NAMES = 5  # that the report shows


def certificates_check(
    settings: Settings,
    files: Sequence[CertificateFinding],
    in_thread: InThread,
    domains: Sequence[OwnDomain] = (),
) -> Check:
    """Return the check. `files` are those of LocalFacts; `domains` may have policies of MTA-STS."""
    enforcing = [each.name for each in domains if _enforces(each)]

    async def run() -> Sequence[Finding]:
        chains = await in_thread(partial(chain_findings, settings, enforcing))
        return [*file_findings(files), *chains]

    return Check(TOPIC, "certificate files", SECONDS, run, (DISK_SLOW,))


def _enforces(own: OwnDomain) -> bool:
    sts = own.facts.sts
    return own.facts.receives and sts is not None and sts.mode is Mode.ENFORCE


def chain_findings(settings: Settings, enforcing: Sequence[str] = ()) -> list[Finding]:
    """Return a finding about the chain of each certificate; none for files that cannot be used or
    read, which other findings name. `enforcing` are domains whose policy of MTA-STS demands that
    the certificate at port 25 can be verified. Blocks for the disk."""
    try:
        certificates = read_certificates(settings)
    except BadCertificate:
        return []
    at_port_25 = [each for each in certificates if is_for(each, settings.hostname)]
    return [
        _chain_finding(each, settings.demo is not None, enforcing if each in at_port_25[:1] else ())
        for each in certificates
    ]


def _chain_finding(files: CertificateFiles, demo: bool, enforcing: Sequence[str]) -> Finding:
    """A certificate of the demo comes from no authority."""
    tried = f"certificate in {files.paths[0]}"
    names = f"for {', '.join(files.names[:MOST_NAMES])}"
    if demo:
        return ok(tried, names)
    self_signed = is_self_signed(files.chain[0])
    untrusted = self_signed or bool(chain_fault(files.chain, current_time()))
    if enforcing and untrusted:
        return _enforced(tried, enforcing, self_signed)
    if self_signed:
        remedy = (
            "Let the host order a certificate by the two lines below, once port 80 or 443 can be "
            "reached; or name the files of your own ACME client as [[tls.certificate]]."
        )
        lines = ("[tls.acme]", "agree = true")
        return warning(
            CERTIFICATE_SELF_SIGNED,
            tried,
            "the certificate is signed by its own key",
            remedy,
            *lines,
        )
    why = chain_fault(files.chain, current_time())
    if not why:
        return ok(tried, f"{names}; its chain leads to an authority that this machine trusts")
    remedy = "Name the file with the whole chain (fullchain.pem), not that with one certificate."
    return warning(CERTIFICATE_CHAIN, tried, why, remedy)


def _enforced(tried: str, domains: Sequence[str], self_signed: bool) -> Finding:
    """Return the finding about a certificate at port 25 that policies of MTA-STS do not allow."""
    how = (
        "is signed by its own key" if self_signed else "leads to no authority that is trusted here"
    )
    more = f" and {len(domains) - MOST_NAMES} more" if len(domains) > MOST_NAMES else ""
    named = f"{', '.join(domains[:MOST_NAMES])}{more}"
    seen = f"the certificate {how}, and the policy of {named} has mode enforce"
    remedy = (
        "Get a certificate of a public authority for the host's name. Until then let the policy "
        "only be tested, reload, and publish its new id in DNS:"
    )
    return failure(STS_ENFORCED, tried, seen, remedy, "[mta_sts]", 'mode = "testing"')

"""Checks the certificate files of the settings: readable, dates, names, keys, and whether the chain
leads to an authority that this machine trusts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, ok, warning
from mailhost.doctor.host.certificate_faults import file_findings
from mailhost.doctor.host.certificate_files import read_certificates
from mailhost.doctor.host.chain import chain_fault, is_self_signed
from mailhost.doctor.host.data_folder import DISK_SLOW
from mailhost.net.tls.certificate import BadCertificate, CertificateFiles, current_time
from mailhost.net.tls.certificate_checks import CertificateFinding

CERTIFICATE_SELF_SIGNED = Fault(
    "certificate-self-signed",
    "Mail programs warn of the certificate or refuse to connect; other mail hosts accept it.",
)
CERTIFICATE_CHAIN = Fault(
    "certificate-chain",
    "Mail programs cannot verify a certificate without the certificates between it and a root.",
)
TOPIC = "Certificates"
SECONDS = 3.8
MOST_NAMES = 5  # that the report shows


def certificates_check(
    settings: Settings, files: Sequence[CertificateFinding], in_thread: InThread
) -> Check:
    """Return the check. `files` are those of LocalFacts."""

    async def run() -> Sequence[Finding]:
        chains = await in_thread(partial(chain_findings, settings))
        return [*file_findings(files), *chains]

    return Check(TOPIC, "certificate files", SECONDS, run, (DISK_SLOW,))


def chain_findings(settings: Settings) -> list[Finding]:
    """Return a finding about the chain of each certificate; none for files that cannot be used or
    read, which other findings name. Blocks for the disk."""
    try:
        certificates = read_certificates(settings)
    except BadCertificate:
        return []
    return [_chain_finding(each, settings.demo is not None) for each in certificates]


def _chain_finding(files: CertificateFiles, demo: bool) -> Finding:
    """A certificate of the demo comes from no authority."""
    tried = f"certificate in {files.paths[0]}"
    names = f"for {', '.join(files.names[:MOST_NAMES])}"
    if demo:
        return ok(tried, names)
    if is_self_signed(files.chain[0]):
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

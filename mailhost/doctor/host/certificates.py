"""Checks the certificate files of the settings: readable, dates, names, keys, and whether the chain
leads to an authority that this machine trusts."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mailhost.certificates.folder import is_ordered
from mailhost.concurrency.threads import InThread
from mailhost.config.model import Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.doctor.checks import Check
from mailhost.doctor.finding import Fault, Finding, failure, ok, warning
from mailhost.doctor.host.certificate_faults import file_findings
from mailhost.doctor.host.certificate_files import read_certificates
from mailhost.doctor.host.chain import chain_fault, is_self_signed
from mailhost.doctor.host.data_folder import DISK_SLOW
from mailhost.mta_sts.policy import Mode
from mailhost.net.tls.certificate import BadCertificate, CertificateFiles, current_time, rank
from mailhost.net.tls.certificate_checks import CertificateFinding

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
    at_port_25 = min(
        certificates, key=lambda each: rank(each.names, settings.hostname), default=None
    )
    return [
        _chain_finding(settings, each, enforcing if each is at_port_25 else ())
        for each in certificates
    ]


def _chain_finding(
    settings: Settings, files: CertificateFiles, enforcing: Sequence[str]
) -> Finding:
    """A certificate of the demo comes from no authority."""
    tried = f"certificate in {files.paths[0]}"
    names = f"for {', '.join(files.names[:MOST_NAMES])}"
    if settings.demo is not None:
        return ok(tried, names)
    self_signed = is_self_signed(files.chain[0])
    untrusted = self_signed or bool(chain_fault(files.chain, current_time()))
    if enforcing and untrusted:
        return _enforced(tried, enforcing, self_signed)
    if self_signed:
        return _self_signed(settings, files.paths[0], tried)
    why = chain_fault(files.chain, current_time())
    if not why:
        return ok(tried, f"{names}; its chain leads to an authority that this machine trusts")
    remedy = "Name the file with the whole chain (fullchain.pem), not that with one certificate."
    if is_ordered(settings.data, files.paths[0]):
        remedy = (
            "Correct directory in [tls.acme], or install the root certificate of this authority on "
            "all machines that connect."
        )
    return warning(CERTIFICATE_CHAIN, tried, why, remedy)


def _self_signed(settings: Settings, path: str, tried: str) -> Finding:
    """Names of certificates in the settings are not ordered."""
    seen = "the certificate is signed by its own key"
    if path in {pair.chain for pair in settings.tls.certificate}:
        remedy = (
            "Name the files of a certificate from an authority instead. Or remove this "
            "[[tls.certificate]], and let the host order one:"
        )
        return warning(CERTIFICATE_SELF_SIGNED, tried, seen, remedy, *_lines(settings))
    if settings.tls.acme.agree:
        remedy = "The host orders one; if it has not got it after some minutes, this says why:"
        return warning(CERTIFICATE_SELF_SIGNED, tried, seen, remedy, "mailhost certificates")
    remedy = (
        "Let the host order a certificate by the lines below, once ports 80 and 443 can be "
        "reached; or name the files of your own ACME client as [[tls.certificate]]."
    )
    return warning(CERTIFICATE_SELF_SIGNED, tried, seen, remedy, *_lines(settings))


def _lines(settings: Settings) -> tuple[str, ...]:
    """Return the settings by which the host orders certificates."""
    web = ListenProtocol.HTTP in {each.protocol for each in settings.listen}
    return (*(() if web else ("[web]",)), "[tls.acme]", "agree = true")


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

"""The faults of certificates that the doctor names, and the findings about certificate files."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from mailhost.doctor.finding import Fault, Finding, failure, unknown, warning
from mailhost.doctor.network.clock import CLOCK_WRONG
from mailhost.net.tls.certificate_checks import CertificateFault, CertificateFinding

CERTIFICATE_EXPIRED = Fault(
    "certificate-expired", "Mail programs refuse to connect when a certificate has expired."
)
CERTIFICATE_EXPIRES = Fault(
    "certificate-expires-soon", "When the certificate expires, mail programs refuse to connect."
)
CERTIFICATE_NOT_YET_VALID = Fault(
    "certificate-not-yet-valid",
    "Mail programs refuse a certificate before its first day.",
    explained_by=(CLOCK_WRONG,),
)
CERTIFICATE_MUST_STAPLE = Fault(
    "certificate-must-staple",
    "Clients refuse a certificate that demands OCSP responses from a host that sends none.",
)
CERTIFICATE_NAME = Fault(
    "certificate-name", "Mail programs refuse a certificate that is for another name."
)
CERTIFICATE_UNUSABLE = Fault(
    "certificate-unusable",
    "Without a certificate and its key the host does not start, and a reload is refused.",
)
KEY_OPEN = Fault(
    "certificate-key-open", "Users who have the key can pretend to be this host, and read logins."
)
FILE_UNREADABLE = Fault(
    "file-unreadable",
    "The host reads its files again at a reload and after a renewal, as its own user.",
)
_FAULTS = MappingProxyType(
    {
        CertificateFault.EXPIRED: CERTIFICATE_EXPIRED,
        CertificateFault.EXPIRES: CERTIFICATE_EXPIRES,
        CertificateFault.NOT_YET_VALID: CERTIFICATE_NOT_YET_VALID,
        CertificateFault.MUST_STAPLE: CERTIFICATE_MUST_STAPLE,
        CertificateFault.NAME: CERTIFICATE_NAME,
        CertificateFault.UNUSABLE: CERTIFICATE_UNUSABLE,
        CertificateFault.KEY_OPEN: KEY_OPEN,
    }
)
_REMEDIES = MappingProxyType(
    {
        CERTIFICATE_EXPIRED: "If the host has ordered it, run `mailhost certificates renew`. Else "
        "renew it with the ACME client that made it; the host uses the new files by itself.",
        CERTIFICATE_EXPIRES: "If the host has ordered it, `mailhost certificates` says why it was "
        "not renewed. Else read the log of the ACME client that made it, and renew it there.",
        CERTIFICATE_NOT_YET_VALID: "Compare the clock of this machine with another one.",
        CERTIFICATE_MUST_STAPLE: "Have your ACME client order the certificate anew without this "
        "extension (OCSP Must-Staple).",
        CERTIFICATE_NAME: "Get a certificate for the name that mail programs connect to.",
        CERTIFICATE_UNUSABLE: "Name the files of one certificate in [[tls.certificate]].",
        KEY_OPEN: "Remove the access of other users with the chmod command above.",
    }
)


def file_findings(found: Sequence[CertificateFinding]) -> list[Finding]:
    """Return findings of `certificate_files` as findings of the doctor: one for each certificate,
    and one for all files that the host's user cannot read."""
    unreadable = [each for each in found if each.fault is CertificateFault.UNREADABLE]
    findings = [_finding(each) for each in found if each.fault is not CertificateFault.UNREADABLE]
    return [*findings, *([_unreadable(unreadable)] if unreadable else [])]


def _finding(found: CertificateFinding) -> Finding:
    fault = _FAULTS[found.fault]
    make = failure if found.serious else warning
    return make(fault, "certificate files", found.text, _REMEDIES[fault])


def _unreadable(found: Sequence[CertificateFinding]) -> Finding:
    """Of several findings the last is the remedy. One alone says that the files could not be
    examined."""
    *paths, last = [each.text for each in found]
    tried = "files of the settings"
    if not paths:
        return unknown(FILE_UNREADABLE, tried, last, "Run the doctor as root.")
    remedy, *lines = last.split("\n")
    return failure(FILE_UNREADABLE, tried, "; ".join(paths), remedy, *map(str.strip, lines))

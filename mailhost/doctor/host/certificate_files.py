"""Findings about certificates, and about files that the host's user cannot read: those of
`mailhost check-config`, which the doctor reports too."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mailhost.certificates.in_use import paths_in_use, self_signed
from mailhost.config.load import Loaded
from mailhost.config.model import Certificate, Settings
from mailhost.config.secrets import secret_sources
from mailhost.doctor.host.readable import unreadable_by, user_of_host
from mailhost.net.tls.certificate import (
    BadCertificate,
    CertificateFiles,
    current_time,
    read_certificate,
)
from mailhost.net.tls.certificate_checks import CertificateFault, CertificateFinding, findings


def file_findings(loaded: Loaded) -> list[CertificateFinding]:
    """Return the findings about the files that the settings name. Blocks for the disk."""
    return [*certificate_findings(loaded.settings), *_unreadable(loaded)]


def certificate_findings(settings: Settings) -> list[CertificateFinding]:
    """Return the findings about certificates alone. Blocks for the disk."""
    try:
        certificates = read_certificates(settings)
    except BadCertificate as bad:
        closed = isinstance(bad.__cause__, PermissionError)
        fault = CertificateFault.UNREADABLE if closed else CertificateFault.UNUSABLE
        return [CertificateFinding(str(bad), fault, serious=True)]
    return findings(certificates, settings.hostname, current_time()) if certificates else []


def read_certificates(settings: Settings) -> list[CertificateFiles]:
    """Return the certificates of the settings, those that the host ordered, and the one that it
    signed itself where that is used; none before its first start. Blocks for the disk. Raises
    BadCertificate."""
    own, _ = self_signed(settings)
    pairs = paths_in_use(settings)
    return [read_certificate(*pair) for pair in pairs if pair[0] != own or os.path.exists(own)]


def _unreadable(loaded: Loaded) -> Iterator[CertificateFinding]:
    """Yield the files that are read again at a reload and that the host's user cannot read."""
    user = user_of_host(loaded.settings)
    if os.geteuid() != 0 or not user:
        return  # this process' user has read all of them
    certificates = loaded.settings.tls.certificate
    secrets = [source.file for _, source in secret_sources(loaded.settings) if source.file]
    paths = [loaded.path, *secrets, *(path for each in certificates for path in _paths(each))]
    try:
        unreadable = unreadable_by(user, paths)
    except OSError as error:
        yield CertificateFinding(str(error), CertificateFault.UNREADABLE)
        return
    for path, reason in unreadable.items():
        text = f"the user {user}, as which the host runs, cannot read {path} ({reason})"
        text += ": a reload would be refused, a renewal not noticed"
        yield CertificateFinding(text, CertificateFault.UNREADABLE, serious=True)
    closed = [each for each in certificates if unreadable.keys() & _paths(each)]
    if closed:
        hook = _hook(user, os.path.dirname(loaded.path))
        yield CertificateFinding(hook, CertificateFault.UNREADABLE, serious=True)
    elif unreadable:
        text = f"give them to the group of {user}: chgrp and chmod g+r"
        yield CertificateFinding(text, CertificateFault.UNREADABLE, serious=True)


def _paths(certificate: Certificate) -> set[str]:
    return {certificate.chain, certificate.key}


def _hook(user: str, folder: str) -> str:
    copies = [os.path.join(folder, name) for name in ("fullchain.pem", "privkey.pem")]
    return (
        f"have the ACME client copy renewed files for {user}, by these two lines in a deploy hook "
        "(for certbot, in /etc/letsencrypt/renewal-hooks/deploy/); name the copies below "
        "[[tls.certificate]]:\n"
        f'  install -o {user} -m 400 "$RENEWED_LINEAGE/fullchain.pem" {copies[0]}\n'
        f'  install -o {user} -m 400 "$RENEWED_LINEAGE/privkey.pem" {copies[1]}'
    )

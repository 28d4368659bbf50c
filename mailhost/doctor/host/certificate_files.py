"""Findings about certificates, and about files that the host's user cannot read: those of
`mailhost check-config`, which the doctor reports too."""

from __future__ import annotations

import os
from collections.abc import Iterator

from mailhost.certificates.folder import FOLDER, Stored, read_certificates_of
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.config.secrets import secret_sources
from mailhost.doctor.host.readable import commands_to_open, unreadable_by, user_of_host
from mailhost.net.tls.certificate import (
    BadCertificate,
    CertificateFiles,
    current_time,
    read_certificate,
)
from mailhost.net.tls.certificate_checks import (
    CertificateFault,
    CertificateFinding,
    findings,
    is_for,
)


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
    found = findings(certificates, settings.hostname, current_time()) if certificates else []
    unusable = CertificateFault.UNUSABLE  # not serious: the host does without such a certificate
    return [*found, *(CertificateFinding(text, unusable) for text in _ordered(settings).faults)]


def read_certificates(settings: Settings) -> list[CertificateFiles]:
    """Return the certificates that the host uses: those of the settings, those that it ordered, and
    without one for its name the one that it signed itself; none before its first start. Blocks for
    the disk. Raises BadCertificate."""
    found = [read_certificate(each.chain, each.key) for each in settings.tls.certificate]
    found += [each.files for each in _ordered(settings).certificates]
    own = _self_signed(settings)
    if settings.tls.certificate or any(is_for(files, settings.hostname) for files in found):
        return found
    return [*([read_certificate(*own)] if os.path.exists(own[0]) else []), *found]


def certificate_paths(settings: Settings) -> list[tuple[str, str]]:
    """Return the files of each chain and its key: those of the settings, those that the host
    ordered, and if the settings name none the one that it signed itself. Blocks for the disk."""
    pairs = [(each.chain, each.key) for each in settings.tls.certificate]
    own = [] if pairs else [_self_signed(settings)]
    folder = os.path.join(settings.data, FOLDER)
    ordered = [os.path.join(folder, name) for name in sorted(_names_in(folder))]
    return [*pairs, *((path, path) for path in ordered if path.endswith(".pem")), *own]


def _ordered(settings: Settings) -> Stored:
    """Return the certificates that the host ordered by ACME; none where this user cannot look."""
    try:
        return read_certificates_of(settings.data)
    except OSError:
        return Stored()


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _self_signed(settings: Settings) -> tuple[str, str]:
    own = os.path.join(settings.data, "tls")
    return os.path.join(own, "chain.pem"), os.path.join(own, "key.pem")


def _unreadable(loaded: Loaded) -> Iterator[CertificateFinding]:
    """Yield the files that are read again at a reload and that the host's user cannot read."""
    user = user_of_host(loaded.settings)
    if os.geteuid() != 0 or not user:
        return  # this process' user has read all of them
    certificates = loaded.settings.tls.certificate
    secrets = [source.file for _, source in secret_sources(loaded.settings) if source.file]
    paths = [
        loaded.path,
        *secrets,
        *loaded.settings.tls.acme.files,
        *(path for each in certificates for path in (each.chain, each.key)),
    ]
    try:
        unreadable = unreadable_by(user, paths)
    except OSError as error:
        yield CertificateFinding(str(error), CertificateFault.UNREADABLE)
        return
    for path, found in unreadable.items():
        text = f"the user {user}, as which the host runs, cannot read {path} ({found.reason})"
        text += ": a reload would be refused, a renewal not noticed"
        yield CertificateFinding(text, CertificateFault.UNREADABLE, serious=True)
    if unreadable:
        text = f"run as root:\n  {commands_to_open(unreadable.values(), user)}"
        if any(unreadable.keys() & {each.chain, each.key} for each in certificates):
            text += _hook(user, os.path.dirname(loaded.path))
        yield CertificateFinding(text, CertificateFault.UNREADABLE, serious=True)


def _hook(user: str, folder: str) -> str:
    copies = [os.path.join(folder, name) for name in ("fullchain.pem", "privkey.pem")]
    return (
        "\ncertbot keeps the group of a key when it renews a certificate. Have other ACME clients, "
        f"which may not, copy renewed files for {user} by these two lines in a deploy hook, and "
        "name the copies below [[tls.certificate]]:\n"
        f'  install -o {user} -m 400 "$RENEWED_LINEAGE/fullchain.pem" {copies[0]}\n'
        f'  install -o {user} -m 400 "$RENEWED_LINEAGE/privkey.pem" {copies[1]}'
    )

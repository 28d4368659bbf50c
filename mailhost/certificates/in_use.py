"""The files of the certificates that a host uses, in their order: those of its settings, then those
that it ordered, its own first. For the host itself, and for commands that examine it."""

from __future__ import annotations

import os

from mailhost.certificates.folder import CertificateFolder
from mailhost.config.model import Settings
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.net.tls.certificate_checks import is_for

Paths = tuple[str, str]
"""The files of a chain and of its key."""


def folder_of(settings: Settings) -> CertificateFolder:
    """Return the folder of ordered certificates."""
    return CertificateFolder(settings.data, BlockingCommitter(OperatingSystem()).commit)


def ordered(settings: Settings) -> list[CertificateFiles]:
    """Return the certificates that were ordered. Blocks for the disk. Raises OSError."""
    found = [each.files for each in folder_of(settings).read().certificates]
    return sorted(found, key=lambda files: not is_for(files, settings.hostname))


def self_signed(settings: Settings) -> Paths:
    """Return the files of the certificate that the host signs itself; they may not exist yet."""
    folder = os.path.join(settings.data, "tls")
    return os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")


def needs_self_signed(settings: Settings, found: list[CertificateFiles]) -> bool:
    """True if the settings name no certificate, and none of those `found` is for the host."""
    return not settings.tls.certificate and not any(
        is_for(files, settings.hostname) for files in found
    )


def paths_in_use(settings: Settings) -> list[Paths]:
    """Return the files of each certificate. Where this user cannot read the data folder, those
    that were ordered are left out. Blocks for the disk."""
    try:
        found = ordered(settings)
    except OSError:
        found = []
    own = [self_signed(settings)] if needs_self_signed(settings, found) else []
    named = [(each.chain, each.key) for each in settings.tls.certificate]
    return [*named, *own, *((files.paths[0], files.paths[1]) for files in found)]

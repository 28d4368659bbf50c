"""The certificates that a host uses, by its settings and its data folder, in their order."""

from __future__ import annotations

import os

from mailhost.application.privileges import as_user
from mailhost.certificates.folder import read_certificates_of
from mailhost.config.model import Settings
from mailhost.net.tls.certificate import rank, read_certificate
from mailhost.net.tls.certificate_checks import is_for
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import CertificateSource


def certificate_sources(settings: Settings) -> list[CertificateSource]:
    """Return the certificates of the settings, then those that were ordered, the host's own first.

    If the settings have none, and none was ordered for the host's name, one that we sign ourselves
    comes first. Blocks. Raises BadCertificate, OSError.
    """
    named = [(pair.chain, pair.key) for pair in settings.tls.certificate]
    with as_user(settings.user):  # so that root follows no link in the user's folder
        ordered = [each.files for each in read_certificates_of(settings.data).certificates]
        ordered.sort(key=lambda files: rank(files.names, settings.hostname))
        if named or any(is_for(files, settings.hostname) for files in ordered):
            return [*named, *ordered]
        paths = make_self_signed(os.path.join(settings.data, "tls"), settings.hostname)
        return [read_certificate(*paths), *ordered]

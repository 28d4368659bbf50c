"""The certificates that a host uses, read from its settings and its data folder."""

from __future__ import annotations

import os

from mailhost.application.privileges import as_user
from mailhost.certificates.in_use import needs_self_signed, ordered
from mailhost.config.model import Settings
from mailhost.net.tls.certificate import read_certificate
from mailhost.net.tls.selfsigned import make_self_signed
from mailhost.net.tls.server import CertificateSource


def certificate_sources(settings: Settings) -> list[CertificateSource]:
    """Return the certificates in the order of `paths_in_use`. The self-signed one is made where it
    is needed. Blocks. Raises BadCertificate, OSError."""
    named = [(pair.chain, pair.key) for pair in settings.tls.certificate]
    with as_user(settings.user):  # so that root follows no link in the user's folder
        found = ordered(settings)
        if not needs_self_signed(settings, found):
            return [*named, *found]
        paths = make_self_signed(os.path.join(settings.data, "tls"), settings.hostname)
        return [read_certificate(*paths), *found]

"""The key of each next certificate, made when the present one is taken into use."""

from __future__ import annotations

from mailhost.certificates.folder import CertificateFolder, StoredCertificate
from mailhost.certificates.keys import is_kind, make_key, public_half
from mailhost.config.acme import KeyKind


def next_key(
    folder: CertificateFolder, name: str, stored: StoredCertificate | None, kind: KeyKind
) -> bytes:
    """Return the key of the next certificate in PEM, made where there is none of this kind, or
    where the present certificate has it already. Blocks. Raises OSError."""
    key = folder.next_key(name)
    used = bool(stored) and public_half(key) == public_half(stored.files.pem.key if stored else b"")
    if not used and is_kind(key, kind):
        return key
    key = make_key(kind)
    folder.save_next_key(name, key)
    return key

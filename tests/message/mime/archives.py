"""ZIP archives for tests."""

from __future__ import annotations

import io
import zipfile


def zipped(*files: tuple[str, bytes]) -> bytes:
    """A compressed archive of files with these names and octets; the last of one name counts."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, octets in dict(files).items():
            archive.writestr(name, octets)
    return packed.getvalue()

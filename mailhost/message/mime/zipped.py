"""The names of files in a ZIP archive, as the most patient reader would find them.

Each file stands there twice, with a header before its octets and in the directory at the end; a
hostile archive may have one of them wrong, or name another version, and is opened all the same. So
both are looked for wherever they are. Nothing is unpacked. PKWARE's APPNOTE.TXT §4.3.7, §4.3.12.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# up to the length of the name, and from there to the name itself
_LONGEST = 256  # octets of each end of a name
_HEADERS = re.compile(rb"PK(?:\x01\x02.{24}(..).{16}|\x03\x04.{22}(..)..)", re.DOTALL)


def names_in_zip(octets: bytes) -> Iterator[str]:
    """Yield the names, those that stand there twice once for each. Of one that is very long the
    middle is left out."""
    for header in _HEADERS.finditer(octets):
        length = int.from_bytes(header[1] or header[2], "little")
        start, end = header.end(), min(header.end() + length, len(octets))
        if end - start > 2 * _LONGEST:
            name = octets[start : start + _LONGEST] + octets[end - _LONGEST : end]
        else:
            name = octets[start:end]
        yield _decoded(name)


def _decoded(name: bytes) -> str:
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")

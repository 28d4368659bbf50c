"""The files in TNEF, the format of Outlook for attachments: `winmail.dat`, application/ms-tnef.

Names and files are searched in all octets, without reading the structure (MS-OXTNEF §2.1), so that
a truncated or broken stream hides none. The files are not compressed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mailhost.message.mime.kinds import HEAD_SIZE

TNEF_SIGNATURE = b"\x78\x9f\x3e\x22"
_LONGEST_NAME = 256  # octets
# attAttachTitle; PidTagDisplayName, PidTagAttachFilename, PidTagAttachLongFilename as text
_TITLE = re.compile(rb"\x02(?=\x10\x80\x01\x00(....))", re.DOTALL)
_PROPERTY = re.compile(
    rb"(?=([\x1e\x1f])\x00(?:\x01\x30|\x04\x37|\x07\x37)\x01\x00\x00\x00(....))", re.DOTALL
)
_DATA = re.compile(rb"\x02(?=\x0f\x80\x06\x00....)", re.DOTALL)
_TITLE_SIZE, _PROPERTY_SIZE, _DATA_SIZE = 9, 12, 9
_UNICODE = b"\x1f"


def names_in_tnef(octets: bytes) -> Iterator[str]:
    """Yield the names of the files, as often as the stream has them."""
    for match in _TITLE.finditer(octets):
        yield _octets(octets, match.start() + _TITLE_SIZE, match[1]).decode("cp1252", "replace")
    for match in _PROPERTY.finditer(octets):
        charset = "utf-16-le" if match[1] == _UNICODE else "cp1252"
        name = _octets(octets, match.start() + _PROPERTY_SIZE, match[2])
        yield name.decode(charset, "replace")


def heads_in_tnef(octets: bytes) -> Iterator[bytes]:
    """Yield the first octets of each file."""
    for match in _DATA.finditer(octets):
        start = match.start() + _DATA_SIZE
        yield octets[start : start + HEAD_SIZE]


def _octets(octets: bytes, start: int, length: bytes) -> bytes:
    return octets[start : start + min(int.from_bytes(length, "little"), _LONGEST_NAME)]

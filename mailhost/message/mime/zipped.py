"""The files in a ZIP archive, as the most lenient program finds them.

An archive has two headers for each file: one in front of the octets of the file, one in the
directory at the end. Programs also open a hostile archive in which one of these headers is wrong,
which names an unknown version, or which has other octets in front. So both headers are searched in
all octets. PKWARE's APPNOTE.TXT §4.3.7, §4.3.12, §4.4.4.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

ZIP_SIGNATURE = b"PK"
_LONGEST_NAME_END = 128  # octets of the beginning and of the end of a name that are kept
_LOCAL = rb"\x03\x04..(..)(..).{16}(..)(..)"  # flags, method, lengths of name and extra field
_CENTRAL = rb"\x01\x02.{24}(..).{16}"
# with lookahead, so that a false header does not hide a header that begins in it
_HEADERS = re.compile(rb"PK(?=%b|%b)" % (_LOCAL, _CENTRAL), re.DOTALL)
_LOCAL_SIZE, _CENTRAL_SIZE = 30, 46
_DEFLATED, _STORED = 8, 0
_INFLATED_AT_ONCE = 1 << 16  # octets that are inflated at once


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive.

    `name` lacks its middle where it is very long. `start` is the offset of its octets, -1 for a
    header in the directory.
    """

    name: str
    start: int = -1
    method: int = _STORED
    encrypted: bool = False

    @property
    def readable(self) -> bool:
        """True where the octets of the file can be read: they are not encrypted, and stored or
        deflated."""
        return self.method in (_STORED, _DEFLATED) and not self.encrypted

    @property
    def deflated(self) -> bool:
        """True where the octets of the file can be inflated."""
        return self.method == _DEFLATED and not self.encrypted and self.start >= 0


def members(octets: bytes) -> Iterator[Member]:
    """Yield the files, once for each header."""
    for header in _HEADERS.finditer(octets):
        if header[5]:
            start = header.start() + _CENTRAL_SIZE
            yield Member(_name(octets, start, _number(header[5])))
        else:
            flags, method, name, extra = map(_number, header.group(1, 2, 3, 4))
            start = header.start() + _LOCAL_SIZE
            content = start + name + extra
            yield Member(_name(octets, start, name), content, method, bool(flags & 1))


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


def _name(octets: bytes, start: int, length: int) -> str:
    end = min(start + length, len(octets))
    if end - start > 2 * _LONGEST_NAME_END:
        name = octets[start : start + _LONGEST_NAME_END] + octets[end - _LONGEST_NAME_END : end]
    else:
        name = octets[start:end]
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


def inflate(octets: bytes, start: int, limit: int) -> bytes:
    """Return the inflated octets of the deflated ones from `start` on, at most `limit` octets.

    Where the deflated octets are broken, those in front of the fault are returned.
    """
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    found, size = list[bytes](), 0
    for at in range(start, len(octets), _INFLATED_AT_ONCE):
        piece = octets[at : at + min(_INFLATED_AT_ONCE, 4 * limit)]
        while piece and size < limit and not inflating.eof:
            try:
                found.append(inflating.decompress(piece, limit - size))
            except zlib.error:
                return b"".join(found)
            size += len(found[-1])
            piece = inflating.unconsumed_tail
        if size >= limit or inflating.eof:
            break
    return b"".join(found)

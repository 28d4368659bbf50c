"""The files in a ZIP archive, as the most patient program would find them.

Each file stands there twice, with a header before its octets and in the directory at the end; a
hostile archive may have one of them wrong, name another version, or lie behind something else, and
is opened all the same. So both are looked for wherever they are. PKWARE's APPNOTE.TXT §4.3.7,
§4.3.12, §4.4.4.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MARK = b"PK"
_LONGEST = 128  # octets of each end of a name
_LOCAL = rb"\x03\x04..(..)(..).{16}(..)(..)"  # flags, method, lengths of name and extra field
_CENTRAL = rb"\x01\x02.{24}(..).{16}"
# looked ahead: what seems to be a header must not hide one that begins in it
_HEADERS = re.compile(rb"PK(?=%b|%b)" % (_LOCAL, _CENTRAL), re.DOTALL)
_LOCAL_SIZE, _CENTRAL_SIZE = 30, 46
_DEFLATED, _STORED = 8, 0
_PIECE = 1 << 16  # octets that are inflated at once


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive. Of a very long name the middle is left out. `start` is where its
    octets begin, -1 where only the directory names it."""

    name: str
    start: int = -1
    method: int = _STORED
    encrypted: bool = False

    @property
    def readable(self) -> bool:
        """True where its octets can be had from the archive: as they are, or inflated."""
        return self.method in (_STORED, _DEFLATED) and not self.encrypted

    @property
    def deflated(self) -> bool:
        """True where its octets are compressed."""
        return self.method == _DEFLATED and not self.encrypted and self.start >= 0


def members(octets: bytes) -> Iterator[Member]:
    """Yield the files; those that stand there twice are yielded twice."""
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
    if end - start > 2 * _LONGEST:
        name = octets[start : start + _LONGEST] + octets[end - _LONGEST : end]
    else:
        name = octets[start:end]
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


def inflate(octets: bytes, start: int, most: int) -> bytes:
    """Return what the deflated octets from `start` on stand for, at most `most`: as much of it as
    can be read."""
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    found, size = list[bytes](), 0
    for at in range(start, len(octets), _PIECE):
        piece = octets[at : at + min(_PIECE, 4 * most)]
        while piece and size < most and not inflating.eof:
            try:
                found.append(inflating.decompress(piece, most - size))
            except zlib.error:
                return b"".join(found)
            size += len(found[-1])
            piece = inflating.unconsumed_tail
        if size >= most or inflating.eof:
            break
    return b"".join(found)

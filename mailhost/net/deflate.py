"""DEFLATE (RFC 1951) on a connection, in both directions, as COMPRESS of IMAP has it (RFC 4978).

A compressor has a small window, so that it takes 39 kB; that of a silent connection is freed, as a
new one may go on with the stream (its blocks refer to no octets before them). The window of what
comes is the peer's choice: 32 KiB at most, and 7 KiB beside it.
"""

from __future__ import annotations

import zlib
from typing import Any

WINDOW = -12  # 4 KiB; negative: without a header of zlib's
MEMORY = 5  # 16 KiB of hash tables
LEVEL = 6
LARGEST = 65536  # octets that are decompressed at once


class BadDeflate(ValueError):
    """The peer's data is malformed."""


class Deflate:
    """One connection's streams."""

    __slots__ = ("_compressor", "_decompressor", "_waiting")

    def __init__(self) -> None:
        self._compressor: Any = None
        self._decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        self._waiting = b""  # octets that came and are not decompressed

    def compressed(self, data: bytes) -> bytes:
        """Return octets with which the peer has all of `data`."""
        if self._compressor is None:
            self._compressor = zlib.compressobj(LEVEL, zlib.DEFLATED, WINDOW, MEMORY)
        return bytes(self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH))

    def rest(self) -> None:
        """Free the memory of the compressor until it is needed again."""
        self._compressor = None

    def feed(self, data: bytes) -> None:
        """Append what came."""
        self._waiting = self._waiting + data if self._waiting else data

    def take(self) -> bytes:
        """Return the next LARGEST octets or fewer, b"" until more come. Raises BadDeflate."""
        while True:
            try:
                data = self._decompressor.decompress(self._waiting, LARGEST)
            except zlib.error as error:
                raise BadDeflate(str(error)) from None
            if self._decompressor.eof:
                raise BadDeflate("the stream has ended")
            self._waiting = self._decompressor.unconsumed_tail
            if data or not self._waiting:
                return data

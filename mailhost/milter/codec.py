"""Packets of the milter protocol: four octets of length, one octet for the command, then data.

The length counts the command and the data. Strings in the data end in NUL. They are decoded as
UTF-8; octets that are not UTF-8 become surrogate escapes, and are encoded back without loss.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST_SENT_PACKET = 65_535  # octets of data, the limit of libmilter
LARGEST_READ_PACKET = 1 << 20
_LENGTH = struct.Struct("!I")


class MilterFailed(Exception):
    """The filter could not be reached, did not answer in time, or sent an invalid packet; the
    message says which."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet. `letter` is the octet of the command."""

    letter: bytes
    data: bytes = b""


def pack(packet: Packet) -> bytes:
    """Return the octets of a packet. Raises MilterFailed if it is too large for libmilter."""
    if len(packet.data) > LARGEST_SENT_PACKET:
        raise MilterFailed(f"a {packet.letter!r} packet of {len(packet.data)} octets is too large")
    return _LENGTH.pack(1 + len(packet.data)) + packet.letter + packet.data


def string(value: str | bytes) -> bytes:
    """Return the value as a string with its final NUL. A NUL in the value is left out, since it
    would end the string."""
    octets = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return octets.replace(b"\0", b"") + b"\0"


def strings(data: bytes) -> list[bytes]:
    """Return the strings in `data`, without NUL. The last NUL may be missing."""
    return data.removesuffix(b"\0").split(b"\0") if data else []


def text(octets: bytes) -> str:
    """Return the octets of a string as text, without loss."""
    return octets.decode("utf-8", "surrogateescape")


def number(value: int) -> bytes:
    """Return a number as 32 bits in network byte order."""
    return _LENGTH.pack(value)


def numbers(data: bytes, count: int) -> tuple[Sequence[int], bytes]:
    """Return the first `count` numbers of 32 bits, and the octets behind them. Raises
    MilterFailed if there are fewer."""
    end = count * _LENGTH.size
    if len(data) < end:
        raise MilterFailed("the filter sent a packet that is too short")
    return struct.unpack_from(f"!{count}I", data), data[end:]


class PacketReader:
    """Makes packets from octets. `fault` is the reason why no more octets are parsed, or empty."""

    def __init__(self, largest: int = LARGEST_READ_PACKET) -> None:
        self.fault = ""
        self._largest = largest
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets that `data` completes, including those before a fault."""
        packets: list[Packet] = []
        if self.fault:
            return packets
        self._buffer += data
        at = 0
        while (end := self._end(at)) is not None:
            start, at = at + _LENGTH.size, end
            packets.append(
                Packet(bytes(self._buffer[start : start + 1]), bytes(self._buffer[start + 1 : end]))
            )
        del self._buffer[:at]
        return packets

    def _end(self, at: int) -> int | None:
        """Return the offset of the end of the packet at `at`, None if it is not complete."""
        if len(self._buffer) - at < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, at)
        if not 1 <= length <= self._largest + 1:
            self.fault = f"the filter sent a packet of {length} octets"
            return None
        end: int = at + _LENGTH.size + length
        return end if end <= len(self._buffer) else None

"""Packets of the milter protocol: four octets of length, one that names the command, then data.

The length counts the command and the data. Strings inside the data end in NUL and are UTF-8 as
far as possible: octets that are not come and go as surrogate escapes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

LARGEST_SENT = 65_535  # octets of data: what libmilter takes in one packet
LARGEST_READ = 1 << 20
_LENGTH = struct.Struct("!I")


class MilterFailed(Exception):
    """The filter could not be asked, or gave no answer that makes sense; the message says why."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: `letter` is one octet."""

    letter: bytes
    data: bytes = b""


def pack(packet: Packet) -> bytes:
    """Return the packet as it is sent. Raises MilterFailed for one that libmilter refuses."""
    if len(packet.data) > LARGEST_SENT:
        raise MilterFailed(f"a {packet.letter!r} packet of {len(packet.data)} octets is too large")
    return _LENGTH.pack(1 + len(packet.data)) + packet.letter + packet.data


def string(value: str | bytes) -> bytes:
    """Return the value with its NUL behind it. One inside would end it early, and is left out."""
    octets = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    return octets.replace(b"\0", b"") + b"\0"


def strings(data: bytes) -> list[bytes]:
    """Return the strings that `data` holds. The NUL behind the last may be missing."""
    return data.removesuffix(b"\0").split(b"\0") if data else []


def text(octets: bytes) -> str:
    """Return a string of the protocol as text, without loss."""
    return octets.decode("utf-8", "surrogateescape")


def number(value: int) -> bytes:
    """Return 32 bits, the highest first."""
    return _LENGTH.pack(value)


def numbers(data: bytes, count: int) -> tuple[Sequence[int], bytes]:
    """Return the first `count` numbers of 32 bits, and what follows. Raises MilterFailed."""
    end = count * _LENGTH.size
    if len(data) < end:
        raise MilterFailed("the filter sent a packet that is too short")
    return struct.unpack_from(f"!{count}I", data), data[end:]


class PacketReader:
    """Takes bytes, gives whole packets. After a `fault` the connection is of no more use."""

    def __init__(self, largest: int = LARGEST_READ) -> None:
        self.fault = ""
        self._largest = largest
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets that are whole now, those before a fault too."""
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
        """Where the packet at `at` ends; None where it is not whole."""
        if len(self._buffer) - at < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer, at)
        if not 1 <= length <= self._largest + 1:
            self.fault = f"the filter sent a packet of {length} octets"
            return None
        end: int = at + _LENGTH.size + length
        return end if end <= len(self._buffer) else None

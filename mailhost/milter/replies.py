"""The replies of a filter to the mail server, as values that can be encoded as packets.

A `BareReply` or a `ReplyCode` answers a question. A `Modification` comes before the answer to the
end of the message.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from mailhost.milter.codec import MilterFailed, Packet, number, numbers, string, strings, text


class BareReply(Enum):
    """Answers without data."""

    CONTINUE = b"c"
    ACCEPT = b"a"
    REJECT = b"r"
    TEMPFAIL = b"t"
    DISCARD = b"d"
    SKIP = b"s"  # send no more packets of this kind
    CONN_FAIL = b"f"
    SHUTDOWN = b"4"
    PROGRESS = b"p"  # no answer yet: the filter is still at work

    def packet(self) -> Packet:
        """The letter."""
        return Packet(self.value)


@dataclass(frozen=True, slots=True)
class ReplyCode:
    """The reply for the client: lines such as `550 5.7.1 text`, with CRLF between them."""

    lines: str

    def packet(self) -> Packet:
        """The lines."""
        return Packet(b"y", string(self.lines))


@dataclass(frozen=True, slots=True)
class AddHeader:
    """Add a field at the end of the header."""

    name: bytes
    value: bytes

    def packet(self) -> Packet:
        """The name and the value."""
        return Packet(b"h", string(self.name) + string(self.value))


@dataclass(frozen=True, slots=True)
class InsHeader:
    """Insert a field before the one at `index`, counted from 0."""

    index: int
    name: bytes
    value: bytes

    def packet(self) -> Packet:
        """The index, the name and the value."""
        return Packet(b"i", number(self.index) + string(self.name) + string(self.value))


@dataclass(frozen=True, slots=True)
class ChgHeader:
    """Change the value of the field at `index` among those called `name`, counted from 1. An empty
    value removes the field."""

    index: int
    name: bytes
    value: bytes

    def packet(self) -> Packet:
        """The index, the name and the value."""
        return Packet(b"m", number(self.index) + string(self.name) + string(self.value))


@dataclass(frozen=True, slots=True)
class ReplBody:
    """The next octets of a new body."""

    octets: bytes

    def packet(self) -> Packet:
        """The octets as they are."""
        return Packet(b"b", self.octets)


@dataclass(frozen=True, slots=True)
class ChgFrom:
    """Change the reverse-path, with parameters in one string."""

    address: str
    parameters: str = ""

    def packet(self) -> Packet:
        """The address, and the parameters where there are some."""
        return Packet(b"e", _with_parameters(self.address, self.parameters))


@dataclass(frozen=True, slots=True)
class AddRcpt:
    """Add a recipient, with `parameters` in one string (SMFIR_ADDRCPT_PAR if there are some)."""

    address: str
    parameters: str = ""

    def packet(self) -> Packet:
        """The address, and the parameters where there are some."""
        letter = b"2" if self.parameters else b"+"
        return Packet(letter, _with_parameters(self.address, self.parameters))


@dataclass(frozen=True, slots=True)
class DelRcpt:
    """Remove a recipient."""

    address: str

    def packet(self) -> Packet:
        """The address."""
        return Packet(b"-", string(self.address))


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Hold the message in the queue, for this reason."""

    reason: str

    def packet(self) -> Packet:
        """The reason."""
        return Packet(b"q", string(self.reason))


Modification: TypeAlias = (
    AddHeader | InsHeader | ChgHeader | ReplBody | ChgFrom | AddRcpt | DelRcpt | Quarantine
)
MilterAnswer: TypeAlias = BareReply | ReplyCode
MilterReply: TypeAlias = MilterAnswer | Modification


def parse_reply(packet: Packet) -> MilterReply:
    """Return the reply in a packet of the filter. Raises MilterFailed."""
    parse = _PARSERS.get(packet.letter)
    try:
        if parse is not None:
            return parse(packet.data)
        if not packet.data:
            return BareReply(packet.letter)
    except (ValueError, IndexError, TypeError) as error:
        raise MilterFailed(f"the filter sent a broken {packet.letter!r} packet") from error
    raise MilterFailed(f"the filter sent a {packet.letter!r} packet, which is unknown")


def _with_parameters(address: str, parameters: str) -> bytes:
    return string(address) + (string(parameters) if parameters else b"")


def _texts(data: bytes) -> list[str]:
    return [text(part) for part in strings(data)]


def _whole(data: bytes) -> str:
    return text(data.removesuffix(b"\0"))


def _indexed(data: bytes) -> tuple[int, bytes, bytes]:
    (index,), rest = numbers(data, 1)
    name, value = strings(rest)
    return index, name, value


def _add_rcpt(data: bytes) -> AddRcpt:
    (address,) = _texts(data)
    return AddRcpt(address)


_PARSERS: Mapping[bytes, Callable[[bytes], MilterReply]] = {
    b"y": lambda data: ReplyCode(_whole(data)),
    b"h": lambda data: AddHeader(*strings(data)),
    b"i": lambda data: InsHeader(*_indexed(data)),
    b"m": lambda data: ChgHeader(*_indexed(data)),
    b"b": ReplBody,
    b"e": lambda data: ChgFrom(*_texts(data)),
    b"+": _add_rcpt,
    b"2": lambda data: AddRcpt(*_texts(data)),
    b"-": lambda data: DelRcpt(*_texts(data)),
    b"q": lambda data: Quarantine(_whole(data)),
}

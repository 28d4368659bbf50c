"""The commands of a mail server to a filter, as values that can be encoded as packets."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from mailhost.milter import stages
from mailhost.milter.codec import Packet, string
from mailhost.milter.stages import BY_LETTER, MilterStage

_PORT = struct.Struct("!H")


class Family(Enum):
    """The family of a client's address."""

    UNKNOWN = b"U"
    UNIX = b"L"
    IPV4 = b"4"
    IPV6 = b"6"


class BareCommand(Enum):
    """Commands without data."""

    DATA = stages.DATA.letter
    END_OF_HEADER = stages.END_OF_HEADER.letter
    END_OF_BODY = stages.END_OF_BODY.letter
    ABORT = b"A"
    QUIT = b"Q"

    def packet(self) -> Packet:
        """The letter."""
        return Packet(self.value)


@dataclass(frozen=True, slots=True)
class ConnectCommand:
    """A client has connected. `name` is its host name. `port` and `address` are not sent if the
    family is UNKNOWN."""

    name: str
    family: Family = Family.UNKNOWN
    port: int = 0
    address: str = ""

    def packet(self) -> Packet:
        """The name, the family, the port, the address."""
        data = string(self.name) + self.family.value
        if self.family is not Family.UNKNOWN:
            data += _PORT.pack(self.port) + string(self.address)
        return Packet(stages.CONNECT.letter, data)


@dataclass(frozen=True, slots=True)
class HeloCommand:
    """HELO or EHLO, with the name that the client gave."""

    name: str

    def packet(self) -> Packet:
        """The name."""
        return Packet(stages.HELO.letter, string(self.name))


@dataclass(frozen=True, slots=True)
class MailCommand:
    """MAIL FROM: the address in angle brackets, and parameters such as SIZE=1."""

    address: str
    parameters: tuple[str, ...] = ()

    def packet(self) -> Packet:
        """The address, then each parameter."""
        return Packet(stages.MAIL.letter, b"".join(map(string, (self.address, *self.parameters))))


@dataclass(frozen=True, slots=True)
class RcptCommand:
    """RCPT TO: the address in angle brackets, and parameters."""

    address: str
    parameters: tuple[str, ...] = ()

    def packet(self) -> Packet:
        """The address, then each parameter."""
        return Packet(stages.RCPT.letter, b"".join(map(string, (self.address, *self.parameters))))


@dataclass(frozen=True, slots=True)
class HeaderCommand:
    """One header field. Lines of a folded value are separated by LF alone."""

    name: bytes
    value: bytes

    def packet(self) -> Packet:
        """The name and the value."""
        return Packet(stages.HEADER.letter, string(self.name) + string(self.value))


@dataclass(frozen=True, slots=True)
class BodyCommand:
    """The next octets of the body, at most LARGEST_SENT_PACKET."""

    octets: bytes

    def packet(self) -> Packet:
        """The octets as they are."""
        return Packet(stages.BODY.letter, self.octets)


@dataclass(frozen=True, slots=True)
class MacrosCommand:
    """Names and values of macros, which the filter may use from the stage with this `letter` on."""

    letter: bytes
    values: tuple[tuple[str, str], ...]

    def packet(self) -> Packet:
        """The letter, then each name with its value."""
        flat = (string(part) for pair in self.values for part in pair)
        return Packet(b"D", self.letter + b"".join(flat))


Question: TypeAlias = (
    ConnectCommand
    | HeloCommand
    | MailCommand
    | RcptCommand
    | HeaderCommand
    | BodyCommand
    | BareCommand
)
Command: TypeAlias = Question | MacrosCommand


def stage_of(question: Question) -> MilterStage:
    """Return the stage that a question belongs to. Raises KeyError for ABORT and QUIT."""
    return BY_LETTER[question.packet().letter]

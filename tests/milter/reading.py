"""Parsing of the commands of a mail server, on the side of the filter."""

from __future__ import annotations

import struct

from mailhost.milter import stages
from mailhost.milter.codec import MilterFailed, Packet, strings, text
from mailhost.milter.commands import (
    BareCommand,
    BodyCommand,
    Command,
    ConnectCommand,
    Family,
    HeaderCommand,
    HeloCommand,
    MacrosCommand,
    MailCommand,
    RcptCommand,
)

_PORT = struct.Struct("!H")


def parse_command(packet: Packet) -> Command:
    """Return the command in a packet. Raises MilterFailed."""
    try:
        return _parse(packet)
    except (ValueError, IndexError, TypeError, struct.error) as error:
        raise MilterFailed(f"no command: {packet!r}"[:200]) from error


def _parse(packet: Packet) -> Command:
    letter, data = packet.letter, packet.data
    if letter == stages.CONNECT.letter:
        return _connect(data)
    if letter == stages.BODY.letter:
        return BodyCommand(data)
    if letter == b"D":
        parts = [text(part) for part in strings(data[1:])]
        return MacrosCommand(data[:1], tuple(zip(parts[::2], parts[1::2], strict=True)))
    parts = [text(part) for part in strings(data)]
    if letter == stages.HELO.letter:
        return HeloCommand(*parts[:1])
    if letter == stages.MAIL.letter:
        return MailCommand(parts[0], tuple(parts[1:]))
    if letter == stages.RCPT.letter:
        return RcptCommand(parts[0], tuple(parts[1:]))
    if letter == stages.HEADER.letter:
        name, value = strings(data)
        return HeaderCommand(name, value)
    return BareCommand(letter)


def _connect(data: bytes) -> ConnectCommand:
    name, _, rest = data.partition(b"\0")
    family = Family(rest[:1])
    if family is Family.UNKNOWN:
        return ConnectCommand(text(name))
    (port,) = _PORT.unpack_from(rest, 1)
    (address,) = strings(rest[1 + _PORT.size :])
    return ConnectCommand(text(name), family, port, text(address))

"""Commands of an IMAP client, with their literals (RFC 9051 §9)."""

from __future__ import annotations

from collections.abc import Callable

from mailhost.imap.grammar.commands import Tagged
from mailhost.imap.grammar.commands_mailbox import Delete
from mailhost.imap.grammar.cursor import BadSyntax, Mode
from mailhost.imap.grammar.reader import (
    Announced,
    CommandReader,
    Complete,
    Event,
    Limits,
    Literal,
    Octets,
)
from mailhost.imap.grammar.strings import mailbox
from mailhost.imap.grammar.table import read_announced, read_command
from tests.fuzz.cutting import result_of_any_cut

LIMITS = Limits(line=2000, literal=500, command=3000, literals=20)
UTF8 = Mode(rev2=True, utf8=True)

Decide = Callable[[CommandReader, Announced], None]


def target(data: bytes) -> None:
    for event in result_of_any_cut(data, lambda blocks: _events(blocks, _as_a_session)):
        if isinstance(event, Complete):
            _check(event)
    result_of_any_cut(data, lambda blocks: _events(blocks, _refuse))


def _events(blocks: list[bytes], decide: Decide) -> list[Event]:
    """Return what the reader makes of the blocks, with the pieces of a streamed literal joined."""
    reader = CommandReader(LIMITS)
    events: list[Event] = []
    for block in blocks:
        reader.receive(block)
        while (event := reader.next()) is not None:
            if isinstance(event, Announced):
                decide(reader, event)
            last = events[-1] if events else None
            if isinstance(event, Octets) and isinstance(last, Octets) and not last.last:
                events[-1] = Octets(last.data + event.data, event.last)
            else:
                events.append(event)
    return events


def _as_a_session(reader: CommandReader, announced: Announced) -> None:
    """Stream messages, hold arguments within the limits."""
    try:
        message = read_announced(announced.parts)
    except BadSyntax:
        return reader.refuse()
    if message:
        return reader.stream()
    return reader.refuse() if announced.too_big else reader.accept()


def _refuse(reader: CommandReader, announced: Announced) -> None:
    reader.refuse()


def _check(event: Complete) -> None:
    held = [part.data or b"" if isinstance(part, Literal) else part for part in event.parts]
    assert sum(map(len, held)) <= LIMITS.command + LIMITS.line
    for mode in (Mode(), UTF8):
        try:
            found = read_command(event.parts, mode)
        except BadSyntax as fault:
            text = str(fault)
            assert text.isascii() and text.isprintable() and len(text) < 200, text
        else:
            assert b" " not in found.tag
            _check_name(found, mode)


def _check_name(found: Tagged, mode: Mode) -> None:
    """A mailbox name is written so that it is read as it was."""
    if not isinstance(found.command, Delete):
        return
    text = mailbox(found.command.mailbox, utf8=mode.utf8)
    head, line, rest = text.partition(b"\r\n")
    if line:
        parts = (b"a DELETE ", Literal(len(rest), False, rest), b"")
        assert read_command(parts, mode).command == found.command
    else:
        assert read_command((b"a DELETE " + head,), mode).command == found.command

"""Octets of a client through the reader and the table, as a session does it."""

from __future__ import annotations

from mailhost.imap.grammar.commands import Command, Tagged
from mailhost.imap.grammar.cursor import REV1, BadSyntax, Cursor, Mode
from mailhost.imap.grammar.reader import AFTER_LOGIN, Announced, CommandReader, Complete
from mailhost.imap.grammar.table import read_announced, read_command

UTF8 = Mode(rev2=True, utf8=True)
REV2 = Mode(rev2=True)


def complete(octets: bytes, mode: Mode = REV1) -> Complete:
    """Return the one command that the octets are; messages are streamed, other literals held."""
    reader = CommandReader(AFTER_LOGIN)
    reader.receive(octets)
    while not isinstance(event := reader.next(), Complete):
        assert event is not None, "no whole command"
        if isinstance(event, Announced):
            if read_announced(event.parts, mode):
                reader.stream()
            else:
                reader.accept()
    assert not len(reader), "more than one command"
    return event


def tagged(octets: bytes, mode: Mode = REV1) -> Tagged:
    """Return the command of a line, with its tag. Raises BadSyntax."""
    return read_command(complete(octets, mode).parts, mode)


def parsed(text: bytes, mode: Mode = REV1) -> Command:
    """Return the command of a text without tag and CRLF. Raises BadSyntax."""
    return tagged(b"a1 " + text + b"\r\n", mode).command


def fault(text: bytes, mode: Mode = REV1) -> str:
    """Return what is said of a text that is no command."""
    try:
        found = parsed(text, mode)
    except BadSyntax as error:
        assert error.tag == b"a1", error.tag
        assert str(error).isascii() and str(error).isprintable(), error
        return str(error)
    raise AssertionError(f"{text!r} is {found!r}")


def cursor(text: bytes, mode: Mode = REV1) -> Cursor:
    """Return a cursor at the beginning of a text."""
    return Cursor((text,), mode)

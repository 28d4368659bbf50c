"""The mbox format: messages in one file, each behind a line that begins with `From ` (RFC 4155).

Lines of a message that begin with `From ` are quoted. mboxrd puts a `>` in front of them, and of
those that begin with `>From `, `>>From ` and so on, so that reading gives back what was written.
mboxo quotes only `From `. Flags lie in the fields Status, X-Status and X-Keywords, a UID in X-UID;
they are taken out again when a message is read, and so is X-IMAPbase of the first message. Files
have LF line ends, messages CRLF.

A message whose last line has no line end gets one in an mbox file.
"""

from __future__ import annotations

import mmap
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from mailhost.message.date import parse_date
from mailhost.message.header import first_value, values

NOT_KNOWN_SENDER = "MAILER-DAEMON"
_LINE = rb"From ([^\n]*[0-9]:[0-9][0-9][^\n]*)\n"
_FIRST_LINE = re.compile(_LINE)
_NEXT_LINE = re.compile(rb"\n\r?\n" + _LINE)
_LAST_LINE = re.compile(rb"(?<=\n)\r?\n\Z")
_HEADER_END = re.compile(rb"(?:\A|\n)\r?\n")
_QUOTED = re.compile(rb"^(?=>*From )", re.MULTILINE)
_SENDER_AND_DATE = re.compile(r"(\S*)\s+(.*)")
_INTERNAL_DATA = re.compile(rb"^X-IMAP:[ \t]", re.MULTILINE | re.IGNORECASE)
_FIELDS = {
    "status": re.compile(rb"^Status:[ \t]*([ROND]*)[ \t]*\r?\n", re.MULTILINE | re.IGNORECASE),
    "x-status": re.compile(rb"^X-Status:[ \t]*([A-Z]*)[ \t]*\r?\n", re.MULTILINE | re.IGNORECASE),
    "x-keywords": re.compile(rb"^X-Keywords:([^\r\n]*)\r?\n", re.MULTILINE | re.IGNORECASE),
    "x-uid": re.compile(rb"^X-UID:[ \t]*([0-9]+)[ \t]*\r?\n", re.MULTILINE | re.IGNORECASE),
}
_IMAP_BASE = re.compile(rb"^X-IMAPbase:[ \t]*[0-9]+ [0-9]+[^\r\n]*\r?\n", re.M | re.I)
_LETTERS = {"A": "\\Answered", "F": "\\Flagged", "D": "\\Deleted", "T": "\\Draft"}


class NoMbox(ValueError):
    """The file is no mbox file."""


class Quoting(Enum):
    """How a line that begins with `From ` is quoted; the pattern is what is a quoted line."""

    MBOXRD = re.compile(rb"^>(?=>*From )", re.MULTILINE)
    MBOXO = re.compile(rb"^>(?=From )", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class MboxMessage:
    """`raw` is what the file has behind the From line, `from_line` what follows `From ` there.
    `first` is True for the first message of the file."""

    from_line: bytes
    raw: bytes
    first: bool = False


@dataclass(frozen=True, slots=True)
class ReadMessage:
    """A message as it goes over the wire. `flags` are names, `date` is seconds since 1970, None
    where the file does not tell it."""

    text: bytes
    flags: tuple[str, ...]
    date: int | None


def split(file: mmap.mmap | bytes) -> Iterator[MboxMessage]:
    """Yield the messages of a file, as they stand there. Raises NoMbox."""
    first = _FIRST_LINE.match(file)
    if first is None:
        raise NoMbox("it does not begin with a From line")
    found: re.Match[bytes] | None = first
    while found is not None:
        begin = found.end()
        following = _NEXT_LINE.search(file, begin - 1)
        if following is not None:
            raw = file[begin : max(following.start() + 1, begin)]
        else:
            raw = _LAST_LINE.sub(b"", file[begin : len(file)])
        if found is not first or not _is_internal(raw):
            yield MboxMessage(found[1].removesuffix(b"\r"), raw, found is first)
        found = following


def _is_internal(raw: bytes) -> bool:
    """True for the message in which some programs keep data of the folder."""
    end = _HEADER_END.search(raw)
    header = raw[: end.start() + 1] if end else raw
    if _INTERNAL_DATA.search(header) is None or _IMAP_BASE.search(header) is not None:
        return False
    return b"FOLDER INTERNAL DATA" in header


def read(message: MboxMessage, quoting: Quoting) -> ReadMessage:
    """Return a message without its quoting and the fields that hold its flags."""
    raw = message.raw
    text = quoting.value.sub(b"", raw)
    end = _HEADER_END.search(text)
    cut = end.end() if end else len(text)
    header, body = text[:cut], text[cut:]
    found: dict[str, str] = {}
    for name, pattern in _FIELDS.items():
        match = pattern.search(header)
        if match is not None:
            found[name] = match[1].decode("ascii", "replace")
            header = header[: match.start()] + header[match.end() :]
    if message.first:
        header = _IMAP_BASE.sub(b"", header, count=1)
    line_end = raw.find(b"\n")
    text = header + body
    if not (line_end > 0 and raw[line_end - 1 : line_end] == b"\r"):
        text = text.replace(b"\n", b"\r\n")
    return ReadMessage(text, tuple(_flags(found)), _date(message.from_line, header))


def _flags(found: dict[str, str]) -> Iterator[str]:
    if "R" in found.get("status", ""):
        yield "\\Seen"
    for letter in found.get("x-status", ""):
        if letter in _LETTERS:
            yield _LETTERS[letter]
    yield from found.get("x-keywords", "").split()


def _date(from_line: bytes, header: bytes) -> int | None:
    match = _SENDER_AND_DATE.match(from_line.decode("utf-8", "replace"))
    texts = [match[2]] if match else []
    texts += [value.rpartition(";")[2] for value in values(header, "Received")[:1]]
    texts.append(first_value(header, "Date"))
    dates = (parse_date(text) for text in texts if text)
    return next((date.seconds for date in dates if date is not None), None)


def written(
    text: bytes, flags: Sequence[str], uid: int, date: int, uid_validity: int | None = None
) -> bytes:
    """Return a message as mboxrd, with its From line and the empty line behind it.

    `flags` are names, `date` is in seconds since 1970. `uid_validity` is for the first message of a
    file.
    """
    cut = _HEADER_END.search(text)
    header = text[: cut.start() + 2] if cut else text
    sender = first_value(header, "Return-Path").strip("<> ")
    if not sender or not sender.isprintable() or " " in sender:
        sender = NOT_KNOWN_SENDER
    names = {flag.lower() for flag in flags}
    seen = "R" if "\\seen" in names else ""
    letters = "".join(letter for letter, name in _LETTERS.items() if name.lower() in names)
    keywords = " ".join(flag for flag in flags if not flag.startswith("\\"))
    lines = [
        f"From {sender} {time.asctime(time.gmtime(date))}",
        f"Status: {seen}O",
        f"X-Status: {letters}",
        f"X-Keywords: {keywords}",
        f"X-UID: {uid}",
    ]
    if uid_validity is not None:
        lines.append(f"X-IMAPbase: {uid_validity} {uid:010d}")
    body = _QUOTED.sub(b">", text.replace(b"\r\n", b"\n"))
    if body and not body.endswith(b"\n"):
        body += b"\n"
    return "".join(f"{line}\n" for line in lines).encode() + body + b"\n"

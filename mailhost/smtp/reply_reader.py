"""Reading a server's replies (RFC 5321 §4.2): several lines, bounded, however they are cut."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailhost.message.status import Status

LONGEST_LINE = 2048  # octets; RFC 5321 §4.5.3.1.5 has 512
MOST_LINES = 256
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)(.*)", re.DOTALL)


class BadReply(Exception):
    """What the server said is no reply; the connection is of no more use."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole reply: its code, and the text of each line."""

    code: int
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """2xx."""
        return 200 <= self.code < 300

    def status(self) -> Status:
        """The reply as a status: an enhanced code where it has one, else a general one."""
        first = _ENHANCED.match(self.lines[0])
        if first is None or first[1][0] != str(self.code)[0]:
            return Status(self.code, f"{self.code // 100}.0.0", "\n".join(self.lines))
        mark = f"{first[1]} "
        words = [line.removeprefix(mark).strip() for line in self.lines]
        return Status(self.code, first[1], "\n".join(words))


class ReplyReader:
    """Takes bytes, gives whole replies."""

    def __init__(self) -> None:
        self._buffer = b""
        self._code = b""
        self._lines: list[str] = []

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that are whole now. Raises BadReply."""
        self._buffer += data
        replies: list[Reply] = []
        *lines, self._buffer = self._buffer.split(b"\n")
        for line in lines:
            reply = self._line(line.removesuffix(b"\r"))
            if reply is not None:
                replies.append(reply)
        if len(self._buffer) > LONGEST_LINE:
            raise BadReply("a line that is too long")
        return replies

    def reset(self) -> None:
        """Forget what came, as STARTTLS demands (RFC 3207 §4.2)."""
        self._buffer, self._code = b"", b""
        self._lines.clear()

    def _line(self, line: bytes) -> Reply | None:
        match = _LINE.fullmatch(line)
        if not match or len(line) > LONGEST_LINE or len(self._lines) >= MOST_LINES:
            raise BadReply(f"no SMTP reply: {line[:80]!r}")
        if self._lines and match[1] != self._code:
            raise BadReply(f"a reply with two codes: {line[:80]!r}")
        self._code = match[1]
        self._lines.append(_printable(match[3] or b""))
        if match[2] == b"-":
            return None
        lines, self._lines = tuple(self._lines), []
        return Reply(int(match[1]), lines)


def _printable(text: bytes) -> str:
    """Their words go into our log and our reports: no control characters in them."""
    words = text.decode("utf-8", "replace")
    return "".join(letter if letter.isprintable() else "?" for letter in words)

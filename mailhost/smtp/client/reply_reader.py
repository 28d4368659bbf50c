"""Parsing of a server's replies (RFC 5321 §4.2): within limits, from blocks of any size."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mailhost.message.status import Status

LONGEST_REPLY_LINE = 2048  # octets without the line end; RFC 5321 §4.5.3.1.5 has 512
MOST_REPLY_LINES = 256
LARGEST_REPLY = 16_384  # octets of a whole reply
_LINE = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete reply: its code, and the text of each line."""

    code: int
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """True for a code 2xx."""
        return 200 <= self.code < 300

    def status(self) -> Status:
        """Return the reply as a Status. A reply without an enhanced code gets X.0.0."""
        status = self.as_received()
        return status if status.enhanced else replace(status, enhanced=f"{self.code // 100}.0.0")

    def refusal(self) -> Status:
        """Return the reply as a Status with the unchanged reply as `answer`, for reports."""
        return replace(self.status(), answer=self.as_received())

    def as_received(self) -> Status:
        """Return the reply as a Status. A reply without an enhanced code gets none."""
        first = _ENHANCED.match(self.lines[0])
        if first is None or first[1][0] != str(self.code)[0]:
            return Status(self.code, "", "\n".join(self.lines))
        mark = f"{first[1]} "
        explanation = [f"{line} ".removeprefix(mark).strip() for line in self.lines]
        return Status(self.code, first[1], "\n".join(explanation))


class _BadReply(Exception):
    """The server sent a line that is not part of a reply."""


class ReplyReader:
    """Makes replies from octets. `fault` is the reason why no more octets are parsed, or empty."""

    def __init__(self) -> None:
        self.fault = ""
        self.reset()

    def reset(self) -> None:
        """Drop the incomplete reply, as STARTTLS requires (RFC 3207 §4.2)."""
        self._buffer = b""
        self._code = b""
        self._lines: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes, including those before a fault."""
        replies: list[Reply] = []
        if self.fault:
            return replies
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        try:
            for line in lines:
                reply = self._line(line.removesuffix(b"\r"))
                if reply is not None:
                    replies.append(reply)
            if len(self._buffer.removesuffix(b"\r")) > LONGEST_REPLY_LINE:
                raise _BadReply(f"a line that is too long: {self._buffer[:80]!r}")
        except _BadReply as bad:
            self.fault = str(bad)
        return replies

    def _line(self, line: bytes) -> Reply | None:
        if len(line) > LONGEST_REPLY_LINE:
            raise _BadReply(f"a line that is too long: {line[:80]!r}")
        match = _LINE.fullmatch(line)
        self._size += len(line)
        if not match:
            raise _BadReply(f"no SMTP reply: {line[:80]!r}")
        if len(self._lines) >= MOST_REPLY_LINES or self._size > LARGEST_REPLY:
            raise _BadReply(f"a reply that is too long: {line[:80]!r}")
        if self._lines and match[1] != self._code:
            raise _BadReply(f"a reply with two codes: {line[:80]!r}")
        self._code = match[1]
        self._lines.append(_printable(match[3] or b""))
        if match[2] == b"-":
            return None
        lines, self._lines, self._size = tuple(self._lines), [], 0
        return Reply(int(match[1]), lines)


def _printable(text: bytes) -> str:
    """Return the text for logs and reports, with `?` for each character that is not printable."""
    explanation = text.decode("utf-8", "replace")
    if explanation.isprintable():
        return explanation
    return "".join(letter if letter.isprintable() else "?" for letter in explanation)

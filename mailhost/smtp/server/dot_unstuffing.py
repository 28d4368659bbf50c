"""Reading of the content after DATA: finding its end, and dot-unstuffing (RFC 5321 §4.5.2).

Only CRLF.CRLF ends the content, however the octets are divided into blocks. `ends` records
octets that a message must not contain, so that the message can be refused at its end.
"""

from __future__ import annotations

from mailhost.smtp.server.line_ends import LineEnds

_END = b"\r\n.\r\n"
_PARTIAL_ENDS = tuple(_END[:length] for length in range(4, 0, -1))


class DotReader:
    """Reads the content block by block. `ended` is True once the end was read."""

    __slots__ = ("_first", "_held", "ended", "ends")

    def __init__(self) -> None:
        self._held = b"\r\n"  # the content begins at the beginning of a line
        self._first = True
        self.ends = LineEnds()
        self.ended = False

    def read(self, block: bytes) -> tuple[bytes, bytes]:
        """Return the octets that `block` adds to the content, and the octets behind the end."""
        data = self._held + block
        end = data.find(_END)
        if end >= 0:
            self.ended = True
            self._held, rest = b"", data[end + 5 :]
            data = data[: end + 2]
        else:
            rest = b""
            self._held = next((part for part in _PARTIAL_ENDS if data.endswith(part)), b"")
            data = data[: len(data) - len(self._held)]
        if not data:
            return b"", rest
        self.ends.feed(data)
        if b"\r\n." in data:
            data = data.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            data = data[2:]
        return data, rest

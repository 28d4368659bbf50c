"""Reading the content after DATA: its end, dot-unstuffing (RFC 5321 §4.5.2).

CRLF.CRLF alone ends the content, whatever the block borders. What must not be in it is noted by
`ends`, so that the message can be refused at its end.
"""

from __future__ import annotations

from mailhost.smtp.server.line_ends import LineEnds

_END = b"\r\n.\r\n"
_PARTS = tuple(_END[:length] for length in range(4, 0, -1))


class DotReader:
    """Takes the content block by block."""

    __slots__ = ("_first", "_held", "ended", "ends")

    def __init__(self) -> None:
        self._held = b"\r\n"  # the content starts at the start of a line
        self._first = True
        self.ends = LineEnds()
        self.ended = False

    def read(self, block: bytes) -> tuple[bytes, bytes]:
        """Return what `block` adds to the content, and what comes after the end (see `ended`)."""
        data = self._held + block
        end = data.find(_END)
        if end >= 0:
            self.ended = True
            self._held, rest = b"", data[end + 5 :]
            data = data[: end + 2]
        else:
            rest = b""
            self._held = next((part for part in _PARTS if data.endswith(part)), b"")
            data = data[: len(data) - len(self._held)]
        if not data:
            return b"", rest
        self.ends.look(data)
        if b"\r\n." in data:
            data = data.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            data = data[2:]
        return data, rest

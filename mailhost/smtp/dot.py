"""Reading the content after DATA: its end, dot-unstuffing, and what must not be in it.

CRLF.CRLF alone ends the content, whatever the block borders. A bare CR, a bare LF or a NUL is
remembered, so that the message can be refused at its end: hosts that take a bare LF for a line end
could be made to see a second message there (SMTP smuggling).
"""

from __future__ import annotations

_END = b"\r\n.\r\n"
_PARTS = tuple(_END[:length] for length in range(4, 0, -1))


class DotReader:
    """Takes the content block by block."""

    __slots__ = ("_first", "_held", "bare_line_end", "ended", "nul")

    def __init__(self) -> None:
        self._held = b"\r\n"  # the content starts at the start of a line
        self._first = True
        self.bare_line_end = False
        self.nul = False
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
        self._look(data)
        if b"\r\n." in data:
            data = data.replace(b"\r\n.", b"\r\n")
        if self._first:
            self._first = False
            data = data[2:]
        return data, rest

    def _look(self, data: bytes) -> None:
        """No block ends between CR and LF, so the three counts differ only for bare ones."""
        pairs = data.count(b"\r\n")
        if data.count(b"\n") != pairs or data.count(b"\r") != pairs:
            self.bare_line_end = True
        if b"\0" in data:
            self.nul = True

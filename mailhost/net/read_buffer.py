"""The octets of a client that are not read yet.

A line is held up to a limit. A longer line is dropped as it arrives, up to its end.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.message.status import Status

LINE_TOO_LONG = Status(500, "5.5.2", "The line is too long")
BAD_LINE_BEGINNING = 80  # octets of a bad line that are kept
BARE_LINE_END = Status(
    500, "5.5.2", "End every line with CRLF; no other CR, LF or NUL may be in it"
)


class BadLine(ValueError):
    """The line is malformed; `status` has the reason, `beginning` its first octets."""

    def __init__(self, status: Status, beginning: bytes) -> None:
        super().__init__(str(status))
        self.status = status
        self.beginning = beginning


class ReadBuffer:
    """Octets in order. With `bare_lf` a line may end in LF alone, and have NUL or CR in it."""

    __slots__ = ("_at", "_bare_lf", "_data", "_skipped")

    def __init__(self, bare_lf: bool = False) -> None:
        self._bare_lf = bare_lf
        self._data = b""
        self._at = 0
        self._skipped = b""  # the beginning of a line that is thrown away as it comes

    def __len__(self) -> int:
        return len(self._data) - self._at

    def append(self, data: bytes) -> None:
        """Add octets that arrived."""
        self._data = self._data[self._at :] + data if self._at < len(self._data) else data
        self._at = 0

    def clear(self) -> None:
        """Forget everything."""
        self._data, self._at, self._skipped = b"", 0, b""

    def take(self, octets: int) -> bytes:
        """Return the next octets, or all of them if there are fewer."""
        chunk = self._data[self._at : self._at + octets]
        self._at += len(chunk)
        if self._at == len(self._data):
            self._data, self._at = b"", 0
        return chunk

    def lines_ahead(self, limit: int) -> Iterator[bytes]:
        """Yield the complete lines, without their CRLF, up to the first malformed one. They stay
        in the buffer."""
        at = self._at
        while not self._skipped and (end := self._data.find(b"\n", at)) >= 0:
            line = self._data[at:end]
            if len(line) > limit or not _is_line(line):
                return
            yield line[:-1]
            at = end + 1

    def take_line(self, limit: int) -> bytes | None:
        """Return the next line without its CRLF, None until it is whole.

        `limit` is in octets without the LF. Raises BadLine; the line is gone then.
        """
        if not self._data:
            return None
        end = self._data.find(b"\n", self._at)
        if end < 0:
            if len(self) > limit:
                self._skip()
            return None
        line = self.take(end + 1 - self._at)[:-1]
        if self._skipped or len(line) > limit:
            beginning, self._skipped = self._skipped + line, b""
            raise BadLine(LINE_TOO_LONG, beginning[:BAD_LINE_BEGINNING])
        if not _is_line(line):
            if self._bare_lf:
                return line.removesuffix(b"\r")
            raise BadLine(BARE_LINE_END, line[:BAD_LINE_BEGINNING])
        return line[:-1]

    def _skip(self) -> None:
        self._skipped = (self._skipped + self.take(BAD_LINE_BEGINNING))[:BAD_LINE_BEGINNING]
        self._data, self._at = b"", 0


def _is_line(line: bytes) -> bool:
    """True for a line, without its LF, that ends in CR and has no other CR, and no NUL."""
    return line[-1:] == b"\r" and line.find(b"\r") == len(line) - 1 and b"\0" not in line

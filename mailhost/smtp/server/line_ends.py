"""Detection of octets that no text message may contain: a bare CR, a bare LF, a NUL.

A host that accepts a bare LF as a line end may read a second message behind it (SMTP smuggling), so
a message with a bare CR or LF is refused (RFC 5321 §2.3.8, RFC 5322 §2.2).
"""

from __future__ import annotations

from mailhost.message.crlf import has_bare


class LineEnds:
    """Examines a message block by block: `bare` is True after a bare CR or LF, `nul` after NUL."""

    __slots__ = ("_cut", "bare", "nul")

    def __init__(self) -> None:
        self.bare = False
        self.nul = False
        self._cut = False  # the last block ended with CR, and the next one may begin with its LF

    def feed(self, block: bytes) -> None:
        """Examine the next block."""
        if b"\0" in block:
            self.nul = True
        if self._cut and block:
            self._cut = False
            if block.startswith(b"\n"):
                block = block[1:]
            else:
                self.bare = True
        if block.endswith(b"\r"):
            self._cut = True
            block = block[:-1]
        if has_bare(block):
            self.bare = True

    def end(self) -> None:
        """Take note that the message is complete: a CR at its end is bare."""
        self.bare = self.bare or self._cut

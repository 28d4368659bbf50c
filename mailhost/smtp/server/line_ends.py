"""Looking for what no text message may hold: a bare CR, a bare LF, a NUL.

Hosts that take a bare LF for a line end could be made to see a second message behind it (SMTP
smuggling), so such a message is refused (RFC 5321 §2.3.8, RFC 5322 §2.2).
"""

from __future__ import annotations

from mailhost.message.crlf import has_bare


class LineEnds:
    """Looks at a message block by block. `bare` and `nul` tell what was found so far."""

    __slots__ = ("_cut", "bare", "nul")

    def __init__(self) -> None:
        self.bare = False
        self.nul = False
        self._cut = False  # the last block ended with CR: its LF may come

    def look(self, block: bytes) -> None:
        """Look at the next block."""
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
        """The message is whole."""
        self.bare = self.bare or self._cut

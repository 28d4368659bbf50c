"""Looking for what no text message may hold: a bare CR, a bare LF, a NUL.

Hosts that take a bare LF for a line end could be made to see a second message behind it (SMTP
smuggling), so such a message is refused (RFC 5321 §2.3.8, RFC 5322 §2.2).
"""

from __future__ import annotations


class LineEnds:
    """Looks at a message block by block. `bare` and `nul` tell what was found so far."""

    __slots__ = ("_cut", "bare", "nul")

    def __init__(self) -> None:
        self.bare = False
        self.nul = False
        self._cut = False  # the last block ended with CR: its LF may come

    def look(self, block: bytes) -> None:
        """Look at the next block. CRs, LFs and CRLFs are as many, unless one is bare."""
        pairs = block.count(b"\r\n")
        carriage_returns, line_feeds = block.count(b"\r") - pairs, block.count(b"\n") - pairs
        if self._cut and block:
            self.bare = self.bare or block[0] != 10
            line_feeds -= block[0] == 10
            self._cut = False
        if block.endswith(b"\r"):
            self._cut = True
            carriage_returns -= 1
        if carriage_returns or line_feeds:
            self.bare = True
        if b"\0" in block:
            self.nul = True

    def end(self) -> None:
        """The message is whole."""
        self.bare = self.bare or self._cut

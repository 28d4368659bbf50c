"""Detects whether content needs BINARYMIME (RFC 3030), or is text that was declared as binary.

Some clients declare BODY=BINARYMIME for every message that they send by BDAT. Content without NUL
whose lines end in CRLF and are not too long is text, and every host accepts text by DATA.
"""

from __future__ import annotations

from mailhost.message.envelope import Body
from mailhost.smtp.server.line_ends import LineEnds

LONGEST_LINE = 998  # octets without CRLF, RFC 5321 §4.5.3.1.6


class BodyReader:
    """Examines content block by block; `end` returns the kind of the content."""

    def __init__(self) -> None:
        self._ends = LineEnds()
        self._begun = 0  # octets of the line whose end has not come yet
        self._longest = 0
        self._ascii = True

    def feed(self, block: bytes) -> None:
        """Examine the next block."""
        self._ends.feed(block)
        self._ascii = self._ascii and block.isascii()
        first, *others = block.split(b"\n")
        lengths = [self._begun + len(first), *map(len, others)]  # each with its CR
        self._begun = lengths[-1]
        self._longest = max(self._longest, *lengths)

    @property
    def binary(self) -> bool:
        """True if only BINARYMIME can carry the blocks so far."""
        return self._ends.bare or self._ends.nul or self._longest > LONGEST_LINE + 1

    def end(self) -> Body:
        """Return the kind of the content, which is complete."""
        self._ends.end()
        if self.binary:
            return Body.BINARY
        return Body.SEVEN_BIT if self._ascii else Body.EIGHT_BIT

"""The content of one message while it arrives by DATA or BDAT and is written to an ICollector.

A message that is too large, or contains octets that it must not contain, is read to its end without
being kept, and then refused with one reply.
"""

from __future__ import annotations

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.reception import ICollector
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.smtp.server.dot_unstuffing import DotReader
from mailhost.smtp.server.line_ends import LineEnds
from mailhost.smtp.server.size_limit import TOO_LARGE, refusal_of_size

BARE_LINE_END = Status(
    554,
    "5.6.0",
    "The message has a bare CR or LF; end every line with CRLF (RFC 5321 section 2.3.8)",
)
NUL = Status(554, "5.6.0", "The message has a NUL; encode it (RFC 2045)")
# The refusals that each one replaces, so that a message with several faults gets the same refusal
# however its octets are cut.
_REPLACED = {BARE_LINE_END: (None, NUL, TOO_LARGE), NUL: (None, TOO_LARGE)}


class Incoming:
    """Takes the content of one message. `refusal` is the reply at the end of the content, None
    while the message is acceptable.

    `collector` may be a refusal already; `limit` is the SIZE limit in octets; `binary` content
    (BINARYMIME) may contain any octets.
    """

    def __init__(self, collector: ICollector | Status, limit: int, binary: bool = False) -> None:
        self.refusal: Status | None = None
        if isinstance(collector, Status):
            self.refusal = collector
        else:
            self._collector = collector
        self.size = 0
        self._limit = limit
        self._binary = binary
        self._dots = DotReader()
        self._chunk_ends = LineEnds()

    def data(self, block: bytes) -> tuple[Answer[None], bytes | None]:
        """Take a block of octets after DATA.

        Returns an answer that is ready when the next block may come, and the octets behind the end
        of the content (None if the end has not come).
        """
        dots = self._dots
        octets, rest = dots.read(block)
        self._judge(dots.ends)
        return self._take(octets), rest if dots.ended else None

    def chunk(self, octets: bytes, last: bool) -> Answer[None]:
        """Take octets of a BDAT chunk. `last` is True with the octets that end the message."""
        if not self._binary:
            self._chunk_ends.feed(octets)
            if last:
                self._chunk_ends.end()
            self._judge(self._chunk_ends)
        return self._take(octets)

    def finish(self) -> Answer[Content | Status]:
        """Return the content, which is complete, or the refusal."""
        return self._collector.finish() if self.refusal is None else self.refusal

    def _judge(self, ends: LineEnds) -> None:
        reason = BARE_LINE_END if ends.bare else NUL if ends.nul else None
        if reason is not None and self.refusal in _REPLACED[reason]:
            self.refusal = reason

    def _take(self, octets: bytes) -> Answer[None]:
        self.size += len(octets)
        if self.refusal is None:
            self.refusal = refusal_of_size(self.size, self._limit)
        if self.refusal is not None or not octets:
            return None
        return self._collector.write(octets)

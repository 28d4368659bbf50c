"""The content of one message while it arrives: by DATA or BDAT into an ICollector.

What is too large or must not be is read to its end and thrown away, then refused in one reply.
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
_WEAKER = {BARE_LINE_END: (None, NUL, TOO_LARGE), NUL: (None, TOO_LARGE)}


class Incoming:
    """Takes the content of one message. `refusal` is what it will be refused with, if anything.

    `collector` may be such a refusal; `limit` is in octets; `binary` content (BINARYMIME) may hold
    anything.
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
        """Take a block of DATA.

        Returns when more may come, and once the end came, what follows it (None until then).
        """
        dots = self._dots
        octets, rest = dots.read(block)
        self._judge(dots.ends)
        return self._take(octets), rest if dots.ended else None

    def chunk(self, octets: bytes, last: bool) -> Answer[None]:
        """Take octets of BDAT; `last` with those that end the message."""
        if not self._binary:
            self._chunk_ends.look(octets)
            if last:
                self._chunk_ends.end()
            self._judge(self._chunk_ends)
        return self._take(octets)

    def finish(self) -> Answer[Content | Status]:
        """All is there: return the content, or the refusal."""
        return self._collector.finish() if self.refusal is None else self.refusal

    def _judge(self, ends: LineEnds) -> None:
        reason = BARE_LINE_END if ends.bare else NUL if ends.nul else None
        if reason is not None and self.refusal in _WEAKER[reason]:
            self.refusal = reason

    def _take(self, octets: bytes) -> Answer[None]:
        self.size += len(octets)
        if self.refusal is None:
            self.refusal = refusal_of_size(self.size, self._limit)
        if self.refusal is not None or not octets:
            return None
        return self._collector.write(octets)

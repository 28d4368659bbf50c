"""The content of one message while it arrives: by DATA or BDAT into an ITransaction.

What is too large or must not be is read to its end and thrown away, then refused in one reply.
"""

from __future__ import annotations

from mailhost.interfaces import Answer, ITransaction
from mailhost.message.status import Status
from mailhost.smtp.dot import DotReader

TOO_LARGE = Status(552, "5.3.4", "The message is larger than the SIZE that EHLO told")
BARE_LINE_END = Status(
    554,
    "5.6.0",
    "The message has a bare CR or LF; end every line with CRLF (RFC 5321 section 2.3.8)",
)
NUL = Status(554, "5.6.0", "The message has a NUL; send it as BINARYMIME or encode it")


class Incoming:
    """Takes the content of one message. `refusal` is what it will be refused with, if anything."""

    def __init__(self, transaction: ITransaction, limit: int) -> None:
        self.transaction = transaction
        self.refusal: Status | None = None
        self._left = limit
        self._limit = limit
        self._dots = DotReader()

    @property
    def size(self) -> int:
        """Octets so far."""
        return self._limit - self._left

    def data(self, block: bytes) -> tuple[Answer[None], bytes | None]:
        """Take a block of DATA.

        Returns when more may come, and once the end came, what follows it (None until then).
        """
        dots = self._dots
        chunk, rest = dots.read(block)
        if dots.bare_line_end and self.refusal is None:
            self.refusal = BARE_LINE_END
        if dots.nul and self.refusal is None:
            self.refusal = NUL
        return self.chunk(chunk), rest if dots.ended else None

    def chunk(self, chunk: bytes) -> Answer[None]:
        """Take octets as they are. Returns when more may come."""
        self._left -= len(chunk)
        if self._left < 0 and self.refusal is None:
            self.refusal = TOO_LARGE
        if self.refusal is not None or not chunk:
            return None
        return self.transaction.write(chunk)

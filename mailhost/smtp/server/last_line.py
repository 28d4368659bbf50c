"""Recognises lines after which a session must end, because the octets behind them are not commands.

Such lines are an HTTP request, and a BDAT whose size cannot be read.
"""

from __future__ import annotations

import re

from mailhost.message.status import Status
from mailhost.net.http import NO_HTTP, is_http

# The octets of a chunk follow a malformed BDAT too, and cannot be counted (RFC 3030 §2).
BAD_CHUNK = Status(501, "5.5.4", "Write BDAT with a size, and LAST with the last chunk; goodbye")
_CHUNK = re.compile(rb"[ \t]*(?i:BDAT)(?![A-Za-z])")


def closing_reply(line: bytes) -> Status | None:
    """Return the reply that ends the session after `line`, None if the session goes on.

    `line` is a line that is not a command, or its beginning.
    """
    if _CHUNK.match(line):
        return BAD_CHUNK
    return NO_HTTP if is_http(line) else None

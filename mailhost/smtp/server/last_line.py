"""Recognises lines after which a session must end, since the octets that follow may be no commands.

Such lines are an HTTP request, and a BDAT whose size cannot be read.
"""

from __future__ import annotations

import re

from mailhost.message.status import Status
from mailhost.net.http import NO_HTTP, is_http

# octets of the message follow a malformed BDAT too, and cannot be counted (RFC 3030 §2)
BAD_CHUNK = Status(501, "5.5.4", "Write BDAT with a size, and LAST with the last chunk; goodbye")
_CHUNK = re.compile(rb"[ \t]*(?i:BDAT)(?![A-Za-z])")


def last_words(line: bytes) -> Status | None:
    """Return the last reply for a line that is no command, None where the session goes on.

    The beginning of the line is enough.
    """
    if _CHUNK.match(line):
        return BAD_CHUNK
    return NO_HTTP if is_http(line) else None

"""How fast the body of a message of 25 MB is brought into relaxed form and hashed, on one core."""

from __future__ import annotations

import base64
import os
import statistics
import time

from mailhost.dkim.body import hash_body
from mailhost.dkim.sign import BODY_FORM
from mailhost.message.content import Content

SIZE = 25_000_000  # octets
HEADER = b"From: ann@bench-sender.net\r\n\r\n"
LINE = b"Text with  two spaces between words,  as old mail programs  and people  write it.\r\n"
BODIES = {
    "base64": base64.encodebytes(os.urandom(SIZE * 3 // 4)).replace(b"\n", b"\r\n"),
    "text with double spaces": LINE * (SIZE // len(LINE)),
}


def rates(rounds: int) -> list[str]:
    """Return a line for each kind of body: the median and the worst rate in MB/s."""
    lines = []
    for name, body in BODIES.items():
        content = Content((HEADER, body))
        found = []
        for _ in range(rounds):
            begun = time.thread_time()
            hash_body(content, content.header(), [BODY_FORM])
            found.append(content.size / 1e6 / (time.thread_time() - begun))
        lines.append(f"{name}: {statistics.median(found):,.0f} MB/s (worst {min(found):,.0f})")
    return lines

"""Encoding of replies (RFC 5321 §4.2, RFC 2034)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from mailhost.message.status import Status

LONGEST_REPLY_TEXT = 506  # octets of text: 512 with the code and CRLF (RFC 5321 §4.5.3.1.5)
_LINE_END = re.compile(r"\r\n|\r|\n")
_UNFIT = re.compile(r"[^ -~]")


@lru_cache(maxsize=1024)
def encode_reply(status: Status) -> bytes:
    """Return the reply for `status`, with one reply line for each line of its text.

    Characters other than printable ASCII become `?`: not every client accepts UTF-8 in replies
    (RFC 6531 §3.7.4.1), and the text may come from a filter or another server.
    """
    mark = f"{status.enhanced} " if status.enhanced else ""
    return encode_lines(status.code, [mark + line for line in _LINE_END.split(status.text)])


def encode_lines(code: int, lines: Sequence[str]) -> bytes:
    """Return a reply of these lines, with CRLF. Lines that are too long are cut."""
    *first, last = (_UNFIT.sub("?", line[:LONGEST_REPLY_TEXT]) for line in lines)
    text = "".join(f"{code}-{line}\r\n" for line in first) + f"{code} {last}\r\n"
    return text.encode("ascii")

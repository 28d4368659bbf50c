"""Writing replies (RFC 5321 §4.2, RFC 2034)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from mailhost.message.status import Status


@lru_cache(maxsize=1024)
def encode_reply(status: Status) -> bytes:
    """Return the reply of one Status; a line for each line of its words.

    Anything but ASCII becomes `?`: not every client knows UTF-8 replies (RFC 6531 §3.7.4.1).
    """
    mark = f"{status.enhanced} " if status.enhanced else ""
    return encode_lines(status.code, [mark + line for line in status.words.split("\n")])


def encode_lines(code: int, lines: Sequence[str]) -> bytes:
    """Return a reply of these lines."""
    *first, last = (_printable(line) for line in lines)
    text = "".join(f"{code}-{line}\r\n" for line in first) + f"{code} {last}\r\n"
    return text.encode("ascii", "replace")


def _printable(line: str) -> str:
    """A client must never see a line end that is not ours."""
    return line.replace("\r", " ").replace("\n", " ")

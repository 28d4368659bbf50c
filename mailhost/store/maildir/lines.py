"""Line ends on the way to the wire: each LF that lacks its CR gets one.

We keep messages with CRLF; other tools put files with LF there. A CR alone is left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailhost.message import crlf
from mailhost.message.content import Content, ContentWriter


def bare_feeds(content: Content) -> int:
    """Count the LFs without a CR before them. Raises OSError."""
    return sum(_bare(chunk, before) for chunk, before in _with_last(content))


def has_bare_feed(content: Content) -> bool:
    """True where there is one; what comes after it is not read. Raises OSError."""
    return any(_bare(chunk, before) for chunk, before in _with_last(content))


def with_crlf(content: Content, folder: str) -> Content:
    """Return a copy with CRLF for LF, in memory while small, else in a file without a name.

    That file takes its room in `folder`. Raises OSError.
    """
    writer = ContentWriter(folder)
    for chunk, before in _with_last(content):
        writer.write(crlf.with_crlf(chunk, before))
    return writer.finish()


def _with_last(content: Content) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk with the octet before it."""
    last = b""
    for chunk in content.chunks():
        if chunk:
            yield chunk, last
            last = chunk[-1:]


def _bare(chunk: bytes, before: bytes) -> int:
    return chunk.count(b"\n") - chunk.count(b"\r\n") - _continues(chunk, before)


def _continues(chunk: bytes, before: bytes) -> bool:
    """True for the second half of a CRLF."""
    return before == b"\r" and chunk.startswith(b"\n")

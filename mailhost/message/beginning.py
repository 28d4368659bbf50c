"""Makes the end of an incoming message's header section unambiguous (RFC 5322 §2.1, §3.6.8).

A message may begin with a line of an mbox file, or have a line in its header section that is no
field. Mail programs then disagree about where the body begins, and trace fields on top would turn
a part of the body into header fields. So an mbox line at the top is removed, and an empty line is
inserted before the first line that is no field. No other octets of a message are changed unless a
setting demands a change.
"""

from __future__ import annotations

import re

from mailhost.message.content import HEADER_LIMIT, Content
from mailhost.message.crlf import has_bare
from mailhost.message.status import Status

# octets of an accepted header section; trace fields need the rest of HEADER_LIMIT
LARGEST_HEADER = HEADER_LIMIT // 2
HEADER_TOO_LARGE = Status(
    554, "5.6.0", f"The header of the message has more than {LARGEST_HEADER >> 10} KiB"
)
HEADER_LINE_ENDS = Status(
    554, "5.6.0", "The header of the message has a NUL, a bare CR or a bare LF; end lines with CRLF"
)

_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
# a line end that is followed by neither a field nor a folded line
_NO_FIELD = re.compile(rb"\n(?![ \t]|[!-9;-~]+[ \t]*:|\Z)")
_MBOX = re.compile(rb">*From [^\n]*(?:\n|\Z)")
_DATED = re.compile(rb">*From \S+ [^\n]*\d\d:\d\d")


def with_clear_header(
    content: Content, header: bytes, binary: bool = False
) -> tuple[Content, bytes] | Status:
    """Return the message with an unambiguous header section, and that section; or a refusal.

    `header` is the result of `content.header()`. `binary` content (BINARYMIME) may have other line
    ends than CRLF in its body, but not in its header section.
    """
    end = _end_of_fields(header, 0)
    if end == len(header) <= LARGEST_HEADER and not binary:  # as for most messages
        return content.with_known_header(header), header
    start = 0
    if not end:
        start, end = _behind_mbox_line(header)
    if end - start > LARGEST_HEADER:
        return HEADER_TOO_LARGE
    fields = header[start:end]
    if binary and (b"\0" in fields or has_bare(fields)):
        return HEADER_LINE_ENDS
    return _cut(content, start, end, whole=end == len(header)).with_known_header(fields), fields


def _end_of_fields(header: bytes, start: int) -> int:
    if not _FIELD.match(header, start):
        return start
    found = _NO_FIELD.search(header, start)
    return found.end() if found else len(header)


def _behind_mbox_line(header: bytes) -> tuple[int, int]:
    """Return the offsets of the beginning and end of the fields behind an mbox line.

    A line that has no time of day, and no fields behind it, is text (`From here on we ...`). Then,
    and without such a line, both offsets are 0.
    """
    mbox = _MBOX.match(header)
    if mbox is None:
        return 0, 0
    start = mbox.end()
    end = _end_of_fields(header, start)
    return (start, end) if end > start or _DATED.match(header) else (0, 0)


def _cut(content: Content, start: int, end: int, whole: bool) -> Content:
    """Return the message from `start` on, with an empty line inserted at `end`.

    No line is inserted where the header section is `whole`, that is ends at `end` already.
    """
    if whole:
        return content.slice(start, content.size) if start else content
    fields, rest = content.slice(start, end), content.slice(end, content.size)
    return Content((*fields.pieces, b"\r\n", *rest.pieces))

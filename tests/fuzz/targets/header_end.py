"""Where the header section of an incoming message ends: mbox lines, lines that are no field."""

from __future__ import annotations

from mailhost.message.beginning import LARGEST_HEADER, with_clear_header
from mailhost.message.content import Content
from mailhost.message.crlf import has_bare
from mailhost.message.header import fields
from mailhost.message.status import Status
from tests.fuzz.cutting import ways_to_cut


def target(data: bytes) -> None:
    for binary in (False, True):
        whole = _begun(Content((data,)), binary)
        for blocks in ways_to_cut(data):
            assert _begun(Content(tuple(blocks)), binary) == whole
        # the session refuses other content with a bare CR or LF before it comes here
        if not isinstance(whole, Status) and (binary or not has_bare(data)):
            _check(data, *whole, binary)


def _begun(content: Content, binary: bool) -> tuple[bytes, bytes] | Status:
    begun = with_clear_header(content, content.header(), binary)
    return begun if isinstance(begun, Status) else (begun[0].read(), begun[1])


def _check(data: bytes, message: bytes, header: bytes, binary: bool) -> None:
    """All of the header section are fields, and nothing is lost but a line of an mbox file."""
    assert len(header) <= LARGEST_HEADER
    assert message.startswith(header)
    assert sum(each.end - each.start for each in fields(header)) == len(header), header
    assert message == data or len(message) <= len(data) + 2
    assert _begun(Content((message,)), binary) == (message, header)
    on_top = b"Received: by us\r\n" + message
    assert _begun(Content((on_top,)), binary) == (on_top, b"Received: by us\r\n" + header)

"""The content after DATA: its end, its dots, its line ends (RFC 5321 §4.5.2; SMTP smuggling)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailhost.message.envelope import Body
from mailhost.net.dot_stuffing import BareLineEnd, checked, stuffed
from mailhost.smtp.server.body import BodyReader
from mailhost.smtp.server.dot_unstuffing import DotReader
from tests.fuzz.cutting import result_of_any_cut

END = b"\r\n.\r\n"


def target(data: bytes) -> None:
    content, rest, ended, bare, nul = result_of_any_cut(data, _read)
    _check_end(data, content, rest, ended)
    if ended:
        assert bare is _is_bare(content), content
    else:  # a CR at the end may be half of a CRLF
        assert _is_bare(data) or not bare
    assert nul is (b"\0" in content)
    result_of_any_cut(data, _kind)
    if ended:
        _check_sent_again(content, bare)


def _read(blocks: Iterable[bytes]) -> tuple[bytes, bytes, bool, bool, bool]:
    reader = DotReader()
    content, rest = b"", b""
    for block in blocks:
        if reader.ended:
            rest += block
        else:
            more, after = reader.read(block)
            content, rest = content + more, rest + after
    if reader.ended:
        reader.ends.end()
    return content, rest, reader.ended, reader.ends.bare, reader.ends.nul


def _kind(blocks: Iterable[bytes]) -> Body:
    reader = BodyReader()
    for block in blocks:
        reader.feed(block)
    return reader.end()


def _check_end(data: bytes, content: bytes, rest: bytes, ended: bool) -> None:
    """CRLF.CRLF alone is the end, and nothing else is taken out of the content but dots."""
    before, end, after = (b"\r\n" + data).partition(END)
    assert ended is bool(end)
    if ended:
        lines = (before + b"\r\n")[2:].split(b"\r\n")
        assert content == b"\r\n".join(line.removeprefix(b".") for line in lines)
        assert rest == after
    else:
        assert rest == b""
        assert len(data) - len(content) <= len(END) + data.count(b"\r\n.") + 1


def _check_sent_again(content: bytes, bare: bool) -> None:
    """Content that is sent on is read as the same; with a bare line end it is not sent."""
    try:
        wire = b"".join(stuffed(checked([content])))
    except BareLineEnd:
        assert bare
        return
    assert not bare
    read, rest, ended, _, _ = _read([wire])
    whole = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    assert (read, rest, ended) == (whole, b"", True)


def _is_bare(octets: bytes) -> bool:
    return re.search(rb"\r(?!\n)|(?<!\r)\n", octets) is not None

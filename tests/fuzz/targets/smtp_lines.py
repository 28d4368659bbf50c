"""Lines of commands, before anybody reads them as such (RFC 5321 §2.3.8)."""

from __future__ import annotations

from mailhost.net.read_buffer import BAD_LINE_BEGINNING, BadLine, ReadBuffer
from tests.fuzz.cutting import result_of_any_cut

LIMIT = 40  # octets of a line


def target(data: bytes) -> None:
    lines = result_of_any_cut(data, _read)
    for line in lines:
        if isinstance(line, bytes):
            assert len(line) < LIMIT
            assert not set(line) & set(b"\r\n\0"), line
        else:
            assert len(line[1]) <= BAD_LINE_BEGINNING
    _check_ahead(data, lines)


def _read(blocks: list[bytes]) -> list[bytes | tuple[str, bytes]]:
    """Return the lines; a bad one as its refusal and its beginning."""
    buffer, lines = ReadBuffer(), list[bytes | tuple[str, bytes]]()
    for block in blocks:
        buffer.append(block)
        while True:
            try:
                line = buffer.take_line(LIMIT)
            except BadLine as bad:
                # where a line that is too long is noticed depends on the cuts, and so does how
                # much of it is kept
                lines.append((str(bad.status), bad.beginning[:LIMIT]))
                continue
            if line is None:
                break
            lines.append(line)
        assert len(buffer) <= LIMIT, "a line that is too long is kept"
    return lines


def _check_ahead(data: bytes, lines: list[bytes | tuple[str, bytes]]) -> None:
    """Looking ahead gives the lines that will be taken, up to the first bad one."""
    buffer = ReadBuffer()
    buffer.append(data)
    ahead = list(buffer.lines_ahead(LIMIT))
    assert ahead == lines[: len(ahead)]
    assert len(buffer) == len(data)
    if len(ahead) < len(lines):
        assert not isinstance(lines[len(ahead)], bytes)

"""Replies of a server that we send mail to (RFC 5321 §4.2)."""

from __future__ import annotations

from mailhost.message.status import Status
from mailhost.smtp.client.reply_reader import LARGEST_REPLY, MOST_REPLY_LINES, Reply, ReplyReader
from mailhost.smtp.server.reply import LONGEST_REPLY_TEXT, encode_lines
from tests.fuzz.cutting import result_of_any_cut


def target(data: bytes) -> None:
    replies, fault = result_of_any_cut(data, _read)
    assert fault.isprintable(), fault
    for reply in replies:
        assert 200 <= reply.code < 600
        assert 0 < len(reply.lines) <= MOST_REPLY_LINES
        assert sum(map(len, reply.lines)) <= LARGEST_REPLY
        assert all(line.isprintable() for line in reply.lines), reply
        for status in (reply.status(), reply.refusal()):
            _check_status(reply, status)
        _check_printed(reply)


def _read(blocks: list[bytes]) -> tuple[list[Reply], str]:
    reader = ReplyReader()
    replies = [reply for block in blocks for reply in reader.feed(block)]
    return replies, reader.fault


def _check_status(reply: Reply, status: Status) -> None:
    assert status.code == reply.code
    assert status.enhanced.split(".")[0] == str(reply.code)[0]  # RFC 3463 §3
    assert status.ok is reply.ok
    if status.answer is not None:
        assert status.answer == reply.as_received()


def _check_printed(reply: Reply) -> None:
    """A reply that we could have written is read as it was."""
    if all(line.isascii() and len(line) <= LONGEST_REPLY_TEXT for line in reply.lines):
        assert _read([encode_lines(reply.code, reply.lines)]) == ([reply], "")

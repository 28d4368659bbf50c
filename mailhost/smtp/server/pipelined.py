"""Recipients that a client pipelined: RCPT commands that wait in the buffer (RFC 2920)."""

from __future__ import annotations

from itertools import islice

from mailhost.interfaces.extensions import Extensions
from mailhost.message.envelope import ForwardPath
from mailhost.net.read_buffer import ReadBuffer
from mailhost.smtp.server.command import BadCommand, parse_rcpt
from mailhost.smtp.server.ehlo import refusal_of_recipient
from mailhost.smtp.server.options import LONGEST_COMMAND_LINE


def recipients_ahead(
    buffer: ReadBuffer, smtputf8: bool, extensions: Extensions, limit: int
) -> list[ForwardPath]:
    """Return at most `limit` recipients from the RCPT commands in the buffer, which stay there.

    The first line that is no RCPT, or a RCPT that the session itself refuses, ends the list.
    """
    paths: list[ForwardPath] = []
    for line in islice(buffer.lines_ahead(LONGEST_COMMAND_LINE), max(limit, 0)):
        word, _, arguments = line.partition(b" ")
        if word.upper() != b"RCPT":
            break
        try:
            path = parse_rcpt(arguments.rstrip(b" "), smtputf8)
        except BadCommand:
            break
        if refusal_of_recipient(path, extensions) is not None:
            break
        paths.append(path)
    return paths

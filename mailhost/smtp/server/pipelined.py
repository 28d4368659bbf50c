"""Recipients that a client sent in a row, without waiting for replies (RFC 2920)."""

from __future__ import annotations

from itertools import islice

from mailhost.interfaces.extensions import Extensions
from mailhost.message.envelope import ForwardPath
from mailhost.net.read_buffer import ReadBuffer
from mailhost.smtp.server.command import BadCommand, parse_rcpt
from mailhost.smtp.server.ehlo import unfit_recipient
from mailhost.smtp.server.options import COMMAND_LINE


def recipients_ahead(
    buffer: ReadBuffer, smtputf8: bool, extensions: Extensions, most: int
) -> list[ForwardPath]:
    """Return the recipients in the buffer, `most` at most, up to the first line that is anything
    else than a RCPT which somebody will be asked about."""
    paths: list[ForwardPath] = []
    for line in islice(buffer.lines_ahead(COMMAND_LINE), max(most, 0)):
        word, _, arguments = line.partition(b" ")
        if word.upper() != b"RCPT":
            break
        try:
            path = parse_rcpt(arguments.rstrip(b" "), smtputf8)
        except BadCommand:
            break
        if unfit_recipient(path, extensions) is not None:
            break
        paths.append(path)
    return paths

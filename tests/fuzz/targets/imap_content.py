"""Responses of IMAP about a message of any octets (RFC 9051 §7.5.2, §6.4.5.1)."""

from __future__ import annotations

from mailhost.message.crlf import with_crlf
from mailhost.message.imap.decoding import decoded, decoded_size
from mailhost.message.imap.headers import answer_from
from mailhost.message.imap.part_offsets import BodyPart, decode_parts
from mailhost.message.imap.preview import LONGEST
from mailhost.message.imap.reader import MemoryReader
from mailhost.message.imap.search import all_texts, search
from mailhost.message.imap.sections import Section, Specifier, find_range, read_fields
from mailhost.message.imap.summary import Summary, summary
from tests.message.imap import replies

NAMES = (b"From", b"Subject", b"Content-Type")
MOST_OCTETS = 60  # of an answer for each octet of the message


def target(data: bytes) -> None:
    message = with_crlf(data)
    reader = MemoryReader(message)
    made = summary(reader)
    _check_answers(message, made)
    root = decode_parts(made.parts)
    _check_sections(reader, made, root)
    for part in root.walk():
        assert sum(map(len, decoded(reader, part, block=7))) == decoded_size(reader, part)
    for found in search(all_texts(reader, root), "\U0001f4a9 is not in it"):
        assert not found


def _check_answers(message: bytes, made: Summary) -> None:
    """All follow the grammar, and are no longer than what they are made from allows."""
    replies.check_envelope(replies.read(made.envelope))
    replies.check_body(replies.read(made.body), extended=False)
    replies.check_body(replies.read(made.body_structure), extended=True)
    assert len(made.envelope) + len(made.body_structure) <= MOST_OCTETS * len(message) + 500
    assert len(made.preview) <= LONGEST
    assert made.preview == " ".join(made.preview.split())
    assert made.size == len(message)


def _check_sections(reader: MemoryReader, made: Summary, root: BodyPart) -> None:
    """Header and text are the whole; kept fields are those of the message."""
    header = find_range(root, Section((), Specifier.HEADER))
    text = find_range(root, Section((), Specifier.TEXT))
    assert header is not None
    assert text is not None
    assert (header.start, header.end, text.end) == (0, text.start, reader.size)
    wanted = Section((), Specifier.FIELDS, NAMES)
    assert answer_from(made.head, NAMES) in (None, read_fields(reader, root, wanted))
    for number, part in enumerate(root.parts, 1):
        where = find_range(root, Section((number,)))
        if root.is_multipart:
            assert where is not None
            assert (where.start, where.end) == (part.body, part.end)

"""Fields put in, replaced and cut out of a message as it came (RFC 5322 §2.2, RFC 2047).

The first line of a case is the value, the rest is the message.
"""

from __future__ import annotations

from mailhost.message.header import first_value, values
from mailhost.message.mime.encoded_words import decode_words
from mailhost.message.mime.fields import (
    add,
    encode,
    field,
    header_end,
    header_of,
    remove,
    replace,
    tag_subject,
)

NAME = "Subject"
LONGEST = 998  # octets of a line, RFC 5322 §2.1.1


def target(data: bytes) -> None:
    raw, _, message = data.partition(b"\n")
    text = raw.decode("utf-8", "replace")
    # `message.beginning` has an empty line put before a folded line that has no field
    message = message.lstrip(b" \t")
    _check_written(text, raw)
    added = add(message, NAME, text)
    assert added.endswith(message)
    assert first_value(header_of(added), NAME) == encode(text)
    _check_replaced(message, text)
    removed = remove(message, NAME)
    assert values(header_of(removed), NAME) == [] or len(removed) < len(message)
    assert removed[header_end(removed) :].endswith(message[header_end(message) :])
    _check_tagged(message)


def _check_written(text: str, raw: bytes) -> None:
    """A value never ends its field, and comes back as it was but for blanks and controls."""
    written = field(NAME, text)
    assert written.isascii()
    assert written.endswith(b"\r\n")
    lines = written[:-2].split(b"\r\n")
    assert all(line[:1] in (b" ", b"\t") for line in lines[1:]), written
    assert all(line.strip() for line in lines), written
    assert max(map(len, lines)) <= LONGEST, written
    once = decode_words(encode(text))
    assert decode_words(encode(once)) == once
    folded = field(NAME, raw)[:-2].replace(b"\r\n ", b"").replace(b"\r\n\t", b"")
    assert b"\r" not in folded
    assert b"\n" not in folded


def _check_replaced(message: bytes, text: str) -> None:
    replaced = replace(message, NAME, text)
    header = header_of(replaced)
    assert first_value(header, NAME) == encode(text), replaced
    assert replaced[header_end(replaced) :].endswith(message[header_end(message) :])


def _check_tagged(message: bytes) -> None:
    tagged = tag_subject(message, "[LIST]")
    assert "[list]" in decode_words(first_value(header_of(tagged), NAME)).casefold()
    assert tag_subject(tagged, "[LIST]") is tagged

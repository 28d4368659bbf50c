"""FETCH data from the octets of a message: BODY[...], BINARY[...] and their sizes.

Small ones are bytes; of a large message the octets are yielded in blocks, so that it is never held
whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from mailhost.imap.grammar.fetch_items import BinarySection, BinarySize, BodySection, SectionText
from mailhost.imap.grammar.strings import literal_header
from mailhost.message.imap.decoding import can_decode, decoded, decoded_size
from mailhost.message.imap.part_offsets import BodyPart
from mailhost.message.imap.reader import MemoryReader, Reader
from mailhost.message.imap.sections import (
    Range,
    Section,
    Specifier,
    find_part,
    find_range,
    read_fields,
    read_range,
)
from mailhost.message.imap.strings import NIL, without_nul

SectionItem = BodySection | BinarySection | BinarySize
_SPECIFIERS = {
    SectionText.ALL: Specifier.BODY,
    SectionText.HEADER: Specifier.HEADER,
    SectionText.TEXT: Specifier.TEXT,
    SectionText.MIME: Specifier.MIME,
    SectionText.FIELDS: Specifier.FIELDS,
    SectionText.FIELDS_NOT: Specifier.FIELDS_NOT,
}


class UnknownEncoding(ValueError):
    """BINARY of a part whose content transfer encoding is unknown (RFC 9051 §6.4.5)."""


def needs_parts(item: SectionItem) -> bool:
    """False for the whole message, which needs no look at its parts."""
    return bool(getattr(item, "part", ())) or not (
        isinstance(item, BodySection) and item.text is SectionText.ALL
    )


def section_data(item: SectionItem, reader: Reader, root: BodyPart | None) -> Iterable[bytes]:
    """Return the chunks of an item with its label. `root` may be None where `needs_parts` says so.
    The call reads what has to be known first, the whole part for BINARY: large messages need a
    thread for it.

    Raises UnknownEncoding before the first octets; OSError.
    """
    if isinstance(item, BinarySize):
        return _binary_size(item, reader, root)
    if isinstance(item, BinarySection):
        return _binary(item, reader, root)
    return _body(item, reader, root)


def _body(item: BodySection, reader: Reader, root: BodyPart | None) -> Iterable[bytes]:
    if root is None:
        return _literal(item, Range(0, reader.size), reader)
    section = Section(
        item.part, _SPECIFIERS[item.text], tuple(name.encode() for name in item.fields)
    )
    if item.text in (SectionText.FIELDS, SectionText.FIELDS_NOT):
        data = read_fields(reader, root, section)
        return labelled(item, data)
    where = find_range(root, section)
    if where is None:
        return iter((item.label + b" " + NIL,))
    return _literal(item, where, reader)


def _literal(item: BodySection, where: Range, reader: Reader) -> Iterable[bytes]:
    if item.partial is not None:
        where = where.partial(item.partial.offset, item.partial.size)
    if isinstance(reader, MemoryReader):
        data = without_nul(reader.read(where.start, where.size))
        return item.label, b" ", sized(where.size), data
    return _streamed(item, where, reader)


def _streamed(item: BodySection, where: Range, reader: Reader) -> Iterator[bytes]:
    yield item.label + b" " + sized(where.size)
    for block in read_range(reader, where):
        yield without_nul(block)


def labelled(item: BodySection, data: bytes | None) -> Iterator[bytes]:
    """Yield an item whose whole data are these octets, None for a section that does not exist."""
    if data is None:
        yield item.label + b" " + NIL
        return
    if item.partial is not None:
        data = data[item.partial.offset : item.partial.offset + item.partial.size]
    yield item.label + b" " + sized(len(data)) + without_nul(data)


def sized(size: int) -> bytes:
    """Return what stands before octets; an empty text is a quoted one, as some clients wait for
    the octets of `{0}`."""
    return literal_header(size) if size else b'""'


def _binary(item: BinarySection, reader: Reader, root: BodyPart | None) -> Iterable[bytes]:
    if not item.part:
        return _whole(item, reader)
    part = _decodable(item, root)
    if part is None:
        return iter((item.label + b" " + NIL,))
    return _decoded(item, reader, part)


def _decoded(item: BinarySection, reader: Reader, part: BodyPart) -> Iterable[bytes]:
    """A large part is decoded twice: its size has to be known first, and it is not held whole."""
    octets: Iterable[bytes] = decoded(reader, part)
    if isinstance(reader, MemoryReader):
        octets = (b"".join(octets),)
    size, has_nul = 0, False
    for block in octets:
        size += len(block)
        has_nul = has_nul or b"\0" in block
    if not isinstance(reader, MemoryReader):
        octets = decoded(reader, part)
    where = Range(0, size)
    if item.partial is not None:
        where = where.partial(item.partial.offset, item.partial.size)
    head = literal_header(where.size, binary=has_nul) if where.size else b'""'
    return chain((item.label + b" " + head,), _cut(octets, where))


def _cut(octets: Iterable[bytes], where: Range) -> Iterator[bytes]:
    """Yield what lies in a range."""
    at = 0
    for block in octets:
        if at >= where.end:
            return
        yield block[max(where.start - at, 0) : where.end - at]
        at += len(block)


def _whole(item: BinarySection, reader: Reader) -> Iterator[bytes]:
    """The whole message has no encoding: it goes as it is."""
    where = Range(0, reader.size)
    if item.partial is not None:
        where = where.partial(item.partial.offset, item.partial.size)
    head = literal_header(where.size, binary=True) if where.size else b'""'
    yield item.label + b" " + head
    yield from read_range(reader, where)


def _binary_size(item: BinarySize, reader: Reader, root: BodyPart | None) -> Iterable[bytes]:
    if item.part:
        part = _decodable(item, root)
        size = decoded_size(reader, part) if part is not None else 0
    else:
        size = reader.size
    return iter((b"%b %d" % (item.label, size),))


def _decodable(item: BinarySection | BinarySize, root: BodyPart | None) -> BodyPart | None:
    assert root is not None
    part = find_part(root, item.part)
    if part is not None and not can_decode(part):
        raise UnknownEncoding
    return part

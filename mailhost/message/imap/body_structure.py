"""BODY and BODYSTRUCTURE (RFC 9051 §7.5.2): the parts of a message as nested lists.

The reply always follows the grammar of §9, whatever the message has: `part_offsets` shows a
multipart without parts as a text, and a message that is encoded or lies too deep as a file.
"""

from __future__ import annotations

import re

from mailhost.message.imap.envelope import read_envelope, write_envelope
from mailhost.message.imap.header_fields import LONGEST, HeaderFields
from mailhost.message.imap.part_offsets import BodyPart
from mailhost.message.imap.reader import Searchable
from mailhost.message.imap.strings import NIL, nstring, string
from mailhost.message.mime.parameters import written_parameters

_DEFAULT_CHARSET = b'"charset" "us-ascii"'  # RFC 2045 §5.2
_VALUE_LIMIT = 1 << 14  # octets of a field whose parameters are read
_COMPOSITE = ("multipart/", "message/")
_LANGUAGE = re.compile(rb"[A-Za-z0-9-]{1,60}")
_DISPOSITION = re.compile(rb"[^\s;()\"]+")


def body_structures(
    octets: Searchable, root: BodyPart, header: HeaderFields | None = None
) -> tuple[bytes, bytes]:
    """Return BODY and BODYSTRUCTURE as they go over the wire. `header` is that of the message where
    it was read already."""
    return _part(octets, root, header or _header(octets, root))


def _header(octets: Searchable, part: BodyPart) -> HeaderFields:
    return HeaderFields(octets[part.start : min(part.body, part.start + LONGEST)])


def _part(octets: Searchable, part: BodyPart, header: HeaderFields) -> tuple[bytes, bytes]:
    if part.is_multipart:
        return _multipart(octets, part, header)
    kind, _, subtype = part.type.partition("/")
    shared = (
        string(kind.encode()),
        string(subtype.encode()),
        _parameters(header, b"content-type", part),
        nstring(header.first(b"content-id")),
        nstring(header.first(b"content-description")),
        string(part.encoding.encode()),
        b"%d" % part.size,
    )
    basic = extended = b" ".join(shared)
    if part.is_message:
        inside = part.parts[0]
        its_header = _header(octets, inside)
        envelope = write_envelope(read_envelope(its_header))
        body, structure = _part(octets, inside, its_header)
        basic = b"%b %b %b %d" % (basic, envelope, body, part.lines)
        extended = b"%b %b %b %d" % (extended, envelope, structure, part.lines)
    elif part.is_text:
        basic = extended = b"%b %d" % (basic, part.lines)
    md5 = nstring(header.first(b"content-md5"))
    return b"(%b)" % basic, b"(%b %b %b)" % (extended, md5, _extension(header))


def _multipart(octets: Searchable, part: BodyPart, header: HeaderFields) -> tuple[bytes, bytes]:
    inside = [_part(octets, each, _header(octets, each)) for each in part.parts]
    subtype = string(part.type.partition("/")[2].encode())
    parameters = _parameters(header, b"content-type", part)
    bodies, structures = (b"".join(each) for each in zip(*inside, strict=True))
    return (
        b"(%b %b)" % (bodies, subtype),
        b"(%b %b %b %b)" % (structures, subtype, parameters, _extension(header)),
    )


def _extension(header: HeaderFields) -> bytes:
    """Disposition, language and location."""
    location = nstring(header.first(b"content-location"))
    return b"%b %b %b" % (_disposition(header), _languages(header), location)


def _disposition(header: HeaderFields) -> bytes:
    value = header.first(b"content-disposition")
    word = _DISPOSITION.match(value) if value else None
    if word is None:
        return NIL
    return b"(%b %b)" % (string(word[0]), _parameters(header, b"content-disposition"))


def _languages(header: HeaderFields) -> bytes:
    value = header.first(b"content-language")
    found = _LANGUAGE.findall(value[:_VALUE_LIMIT]) if value else []
    return b"(%b)" % b" ".join(map(string, found)) if found else NIL


def _parameters(header: HeaderFields, name: bytes, part: BodyPart | None = None) -> bytes:
    """A field's parameters. A text without a charset is shown with the default."""
    value = header.first(name)
    pairs = written_parameters(value[:_VALUE_LIMIT]) if value and b";" in value else []
    if part is not None and not _is_shown_as_written(part, value):
        pairs = []
    found = [b"%b %b" % (string(key.encode()), string(text)) for key, text in pairs]
    if part is not None and part.is_text and not any(key[:7] == "charset" for key, _ in pairs):
        found.append(_DEFAULT_CHARSET)
    return b"(%b)" % b" ".join(found) if found else NIL


def _is_shown_as_written(part: BodyPart, value: bytes | None) -> bool:
    """False for a multipart or message that is shown as a text or a file: the parameters are not
    that type's."""
    if value is None or part.type.startswith(_COMPOSITE):
        return True
    return not value[:10].lower().startswith((b"multipart", b"message"))

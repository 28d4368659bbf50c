"""Reads what FETCH asks for: attributes, sections, macros (RFC 9051 §6.4.5)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mailhost.imap.grammar.cursor import BadSyntax, Cursor
from mailhost.imap.grammar.fetch_items import (
    Attribute,
    BinarySection,
    BinarySize,
    BodySection,
    FetchItem,
    Partial,
    Preview,
    SectionText,
)
from mailhost.imap.grammar.strings import astring

_WHAT = "something to fetch"
_NAME = re.compile(rb"[A-Za-z0-9.]+")
_PART = re.compile(rb"[1-9][0-9]{0,9}(?:\.[1-9][0-9]{0,9})*(?![0-9])")
# partial = "<" number64 "." nz-number64 ">"
_PARTIAL = re.compile(rb"<([0-9]{1,19})\.([1-9][0-9]{0,18})>")
_FIELD_NAME = re.compile(rb"[!-9;-~]+")  # RFC 5322 §3.6.8
DEEPEST_PART = 100  # numbers of a section; deeper parts of a message are not told apart

_FAST = (Attribute.FLAGS, Attribute.INTERNALDATE, Attribute.SIZE)
_MACROS: Mapping[bytes, tuple[FetchItem, ...]] = {
    b"ALL": (*_FAST, Attribute.ENVELOPE),
    b"FAST": _FAST,
    b"FULL": (*_FAST, Attribute.ENVELOPE, Attribute.BODY),
}
_RFC822: Mapping[bytes, FetchItem] = {
    b"RFC822": BodySection(b"RFC822"),
    b"RFC822.HEADER": BodySection(b"RFC822.HEADER", text=SectionText.HEADER, peek=True),
    b"RFC822.TEXT": BodySection(b"RFC822.TEXT", text=SectionText.TEXT),
}
_PLAIN: Mapping[bytes, FetchItem] = {**_RFC822, **{item.value: item for item in Attribute}}


def read_items(cursor: Cursor) -> tuple[FetchItem, ...]:
    """Read all that a FETCH asks for. Raises BadSyntax.

    "ALL" / "FULL" / "FAST" / fetch-att / "(" fetch-att *(SP fetch-att) ")"
    """
    if cursor.next_is(b"("):
        return tuple(dict.fromkeys(cursor.listed(read_item)))
    name = _NAME.match(cursor.text, cursor.at)
    macro = _MACROS.get(name[0].upper()) if name else None
    if name and macro:
        cursor.at = name.end()
        return macro
    return (read_item(cursor),)


def read_item(cursor: Cursor) -> FetchItem:
    """Read one fetch-att. Raises BadSyntax."""
    found = _NAME.match(cursor.text, cursor.at)
    if not found:
        raise cursor.expected(_WHAT)
    name = found[0].upper()
    sectioned = _SECTIONED.get(name)
    if sectioned and cursor.text[found.end() : found.end() + 1] == b"[":
        cursor.at = found.end()
        return sectioned(cursor)
    plain = _PLAIN.get(name)
    if plain is None and name != b"PREVIEW":
        raise cursor.expected(_WHAT)
    cursor.at = found.end()
    return plain or _preview(cursor)


def _preview(cursor: Cursor) -> Preview:
    """PREVIEW [SP "(" "LAZY" ")"] (RFC 8970 §6)"""
    if not cursor.take(b" ("):
        return Preview()
    if not cursor.take_word(b"LAZY"):
        raise cursor.expected("LAZY")
    cursor.expect(b")")
    return Preview(lazy=True)


# "BODY" section ["<" number64 ">"] / "BODY.PEEK" section ["<" number64 ">"]


def _body(cursor: Cursor, peek: bool = False) -> BodySection:
    cursor.expect(b"[")
    part, text, fields = _section(cursor)
    cursor.expect(b"]")
    partial = _partial(cursor)
    label = _label(b"BODY", part, text, fields, partial)
    return BodySection(label, part, text, fields, partial, peek)


def _body_peek(cursor: Cursor) -> BodySection:
    return _body(cursor, peek=True)


def _section(cursor: Cursor) -> tuple[tuple[int, ...], SectionText, tuple[str, ...]]:
    """section-spec = section-msgtext / (section-part ["." section-text])"""
    part = _part(cursor)
    if part and not cursor.take(b"."):
        return part, SectionText.ALL, ()
    if not part and cursor.next_is(b"]"):
        return (), SectionText.ALL, ()
    found = _NAME.match(cursor.text, cursor.at)
    text = _TEXTS.get(found[0].upper()) if found else None
    if not found or text is None or (text is SectionText.MIME and not part):
        raise cursor.expected("a section such as HEADER or 1.2.TEXT")
    cursor.at = found.end()
    if text not in (SectionText.FIELDS, SectionText.FIELDS_NOT):
        return part, text, ()
    cursor.space()
    return part, text, cursor.listed(_field)


_TEXTS = {text.value: text for text in SectionText if text.value}


def _field(cursor: Cursor) -> str:
    """header-fld-name = astring"""
    name = cursor.astring("a field name")
    if not _FIELD_NAME.fullmatch(name):
        raise BadSyntax("A name of a header field has octets that none can have")
    return name.decode("ascii")


def _part(cursor: Cursor) -> tuple[int, ...]:
    """section-part = nz-number *("." nz-number)"""
    found = cursor.match(_PART)
    if not found:
        return ()
    numbers = found[0].split(b".")
    if len(numbers) > DEEPEST_PART:
        raise BadSyntax(f"A section may have {DEEPEST_PART} numbers")
    return tuple(map(int, numbers))


def _partial(cursor: Cursor) -> Partial | None:
    if not cursor.next_is(b"<"):
        return None
    found = cursor.match(_PARTIAL)
    if not found:
        raise cursor.expected("a part such as <0.1024>")
    return Partial(int(found[1]), int(found[2]))


def _label(
    name: bytes,
    part: tuple[int, ...],
    text: SectionText = SectionText.ALL,
    fields: tuple[str, ...] = (),
    partial: Partial | None = None,
) -> bytes:
    section = b".".join(
        [*(b"%d" % number for number in part), *([text.value] if text.value else [])]
    )
    if fields:
        section += b" (%b)" % b" ".join(astring(field.encode()) for field in fields)
    origin = b"<%d>" % partial.offset if partial else b""
    return b"%b[%b]%b" % (name, section, origin)


# "BINARY" [".PEEK"] section-binary [partial] / "BINARY.SIZE" section-binary
# section-binary = "[" [section-part] "]"


def _binary(cursor: Cursor, peek: bool = False) -> BinarySection:
    part = _binary_part(cursor)
    partial = _partial(cursor)
    return BinarySection(_label(b"BINARY", part, partial=partial), part, partial, peek)


def _binary_peek(cursor: Cursor) -> BinarySection:
    return _binary(cursor, peek=True)


def _binary_size(cursor: Cursor) -> BinarySize:
    part = _binary_part(cursor)
    return BinarySize(_label(b"BINARY.SIZE", part), part)


def _binary_part(cursor: Cursor) -> tuple[int, ...]:
    cursor.expect(b"[")
    part = _part(cursor)
    cursor.expect(b"]")
    return part


_SECTIONED: Mapping[bytes, Callable[[Cursor], FetchItem]] = {
    b"BODY": _body,
    b"BODY.PEEK": _body_peek,
    b"BINARY": _binary,
    b"BINARY.PEEK": _binary_peek,
    b"BINARY.SIZE": _binary_size,
}

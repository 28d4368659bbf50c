"""The items of FETCH, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum


class Attribute(Enum):
    """Data of a message that takes no arguments. The value is its name in commands and answers."""

    UID = b"UID"
    FLAGS = b"FLAGS"
    INTERNALDATE = b"INTERNALDATE"
    SIZE = b"RFC822.SIZE"
    ENVELOPE = b"ENVELOPE"
    BODYSTRUCTURE = b"BODYSTRUCTURE"
    BODY = b"BODY"  # BODYSTRUCTURE without extension data
    MODSEQ = b"MODSEQ"  # RFC 7162
    EMAILID = b"EMAILID"  # RFC 8474
    THREADID = b"THREADID"  # RFC 8474
    SAVEDATE = b"SAVEDATE"  # RFC 8514


class SectionText(Enum):
    """Which text of a message or part. The value is its name in a section."""

    ALL = b""
    HEADER = b"HEADER"
    TEXT = b"TEXT"
    MIME = b"MIME"
    FIELDS = b"HEADER.FIELDS"
    FIELDS_NOT = b"HEADER.FIELDS.NOT"


@dataclass(frozen=True, slots=True)
class Partial:
    """`<offset.size>`, in octets. Both may lie far beyond the message."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class BodySection:
    """BODY[...], RFC822 and others: octets of a message.

    `part` are the numbers of a part, () for the message. `fields` are names as the client wrote
    them, for FIELDS and FIELDS_NOT. Unless `peek`, reading it sets \\Seen. `label` is the name that
    the answer has, such as `BODY[1.TEXT]<0>`.
    """

    label: bytes
    part: tuple[int, ...] = ()
    text: SectionText = SectionText.ALL
    fields: tuple[str, ...] = ()
    partial: Partial | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinarySection:
    """BINARY[...]: a part without its content transfer encoding (RFC 9051 §6.4.5)."""

    label: bytes
    part: tuple[int, ...] = ()
    partial: Partial | None = None
    peek: bool = False


@dataclass(frozen=True, slots=True)
class BinarySize:
    """BINARY.SIZE[...]: octets of a part without its content transfer encoding."""

    label: bytes
    part: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """PREVIEW; a `lazy` one is answered with NIL where it is not at hand (RFC 8970)."""

    lazy: bool = False


FetchItem = Attribute | BodySection | BinarySection | BinarySize | Preview


def peeking(item: FetchItem) -> FetchItem:
    """Return the item in the form that does not set \\Seen."""
    if isinstance(item, BodySection | BinarySection):
        return replace(item, peek=True)
    return item

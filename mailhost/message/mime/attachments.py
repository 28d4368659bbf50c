"""The attachments of a message: listed, removed, renamed. Other parts keep their octets.

Each part is an attachment except composites and the text that is read with the message, that is
text/plain and text/html without a file name. An attached message is one attachment; its own
attachments are listed too where the tree was parsed with `Limits.messages`. Edits break the
signature of signed mail, so the caller must examine the tree before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailhost.message.header import fields, named, values
from mailhost.message.mime.edits import Edit, apply
from mailhost.message.mime.encodings import decode, encode_quoted_printable
from mailhost.message.mime.fields import header_of, replace
from mailhost.message.mime.kinds import HEAD_SIZE, Kind, kind_of
from mailhost.message.mime.parameters import parse_value, with_parameter
from mailhost.message.mime.structure import MESSAGES, Part, parse

TEXTS = ("text/plain", "text/html")
_LONGEST_LINE = 900  # octets
_LONGEST_NAME = 255  # characters
# each parameter in which a program looks for a file name, in Content-Type or Content-Disposition
_NAMES = frozenset(("filename", "name"))


@dataclass(frozen=True, slots=True)
class AttachedPart:
    """An attachment. `path` is its path in the tree (see Part.walk), `size` the number of its
    decoded octets, `head` the first HEAD_SIZE of them, `kind` the kind of file by its head."""

    path: tuple[int, ...]
    part: Part
    size: int
    head: bytes
    kind: Kind

    @property
    def name(self) -> str:
        """The decoded file name, empty for none. A sender may give any text, also a path."""
        return self.part.name

    @property
    def names(self) -> tuple[str, ...]:
        """All file names of the part. Mail programs differ in the name that they use."""
        return self.part.names

    @property
    def type(self) -> str:
        """The declared media type, in lower case."""
        return self.part.type


def is_attached(part: Part) -> bool:
    """True for an attachment, False for text that is read with the message and for composites."""
    if part.parts and part.type not in MESSAGES:
        return False
    if part.multipart and not part.cut and not part.names:
        return False
    return part.type not in TEXTS or part.disposition == "attachment" or bool(part.names)


def attachments(message: bytes, root: Part | None = None) -> Iterator[AttachedPart]:
    """Yield the attachments in order. `root` is the tree of the message if it was parsed before."""
    for path, part in (root or parse(message)).walk():
        if is_attached(part):
            yield attachment_at(message, path, part)


def attachment_at(message: bytes, path: tuple[int, ...], part: Part) -> AttachedPart:
    """Return a part as an attachment, also where `is_attached` is false for it."""
    octets = decode(message[part.body : part.end], part.encoding)
    head = octets[:HEAD_SIZE]
    return AttachedPart(path, part, len(octets), head, kind_of(head))


def strip(
    message: bytes, chosen: Iterable[AttachedPart], notice: Callable[[AttachedPart], str]
) -> bytes:
    """Return the message with a text in the place of each chosen attachment.

    `notice` returns that text, lines joined by LF. The part keeps its other fields than Content-*.
    """
    return apply(message, [_stripped(message, each, notice(each)) for each in chosen])


def _stripped(message: bytes, attachment: AttachedPart, text: str) -> Edit:
    part = attachment.part
    kind, encoding, body = _text_body(text)
    header = without_content_fields(message[part.start : part.body])
    if not part.start and not values(header, "MIME-Version"):
        header = replace(header, "MIME-Version", "1.0")
    header = replace(header, "Content-Type", kind)
    header = replace(header, "Content-Transfer-Encoding", encoding)
    return Edit(part.start, part.end, header_of(header) + b"\r\n" + body)


def without_content_fields(header: bytes) -> bytes:
    """Return the header section without its Content-* fields (RFC 2045 §9)."""
    content = (each for each in fields(header) if each.name.lower().startswith(b"content-"))
    return apply(header, [Edit(each.start, each.end, b"") for each in content])


def _text_body(text: str) -> tuple[str, str, bytes]:
    """Return the type, the transfer encoding and the body of a part with this text."""
    lines = text.encode("utf-8", "replace").splitlines()
    body = b"".join(line + b"\r\n" for line in lines)
    if body.isascii() and b"\0" not in body and max(map(len, lines), default=0) <= _LONGEST_LINE:
        return "text/plain; charset=us-ascii", "7bit", body
    return "text/plain; charset=utf-8", "quoted-printable", encode_quoted_printable(body)


def rename(message: bytes, names: Sequence[tuple[AttachedPart, str]]) -> bytes:
    """Return the message with other file names for attachments, cut to 255 characters."""
    edits = [_renamed(message, each.part, name[:_LONGEST_NAME]) for each, name in names]
    return apply(message, edits)


def _renamed(message: bytes, part: Part, name: str) -> Edit:
    """Return the edit that names the part in Content-Disposition, and in each other parameter in
    which programs look for a name and the part has one."""
    header = message[part.start : part.body]
    disposition = next(named(header, "Content-Disposition"), None)
    value = disposition.value.strip() if disposition else b"attachment"
    value = _with_names(with_parameter(value, "filename", name), name)
    header = replace(header, "Content-Disposition", value)
    kind = next(named(header, "Content-Type"), None)
    if kind is not None and parse_value(kind.value).parameters.keys() & _NAMES:
        header = replace(header, "Content-Type", _with_names(kind.value.strip(), name))
    return Edit(part.start, part.body, header)


def _with_names(value: bytes, name: str) -> bytes:
    """Return the value with this name in each of its parameters that names a file."""
    for parameter in sorted(_NAMES):
        if parse_value(value).texts(parameter):
            value = with_parameter(value, parameter, name)
    return value

"""The attachments of a message: listed, taken out, renamed. Other parts keep their octets.

A part is attached where it is no text to be read with the message: everything but text/plain and
text/html without a file name; an attached message counts as one file, and what is in it counts too
where the tree was parsed with `messages`. Edits break the signature of signed mail: who asks for
them knows the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailhost.message.header import fields, named, values
from mailhost.message.mime.edits import Edit, apply
from mailhost.message.mime.encodings import decode, encode_quoted_printable
from mailhost.message.mime.fields import header_of, replace
from mailhost.message.mime.kinds import HEAD, Kind, kind_of
from mailhost.message.mime.parameters import parse_value, with_parameter
from mailhost.message.mime.structure import MESSAGES, Part, parse

TEXTS = ("text/plain", "text/html")
_LONGEST_LINE = 900
_LONGEST_NAME = 255
_NAMES = frozenset(
    ("filename", "name")
)  # few programs read the first in a type, the other elsewhere


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a message. `path` is where it is in the tree (see Part.walk), `size` its decoded
    octets, `head` the first of them, `kind` what these say it is."""

    path: tuple[int, ...]
    part: Part
    size: int
    head: bytes
    kind: Kind

    @property
    def name(self) -> str:
        """The file name, decoded; empty for none. It may be anything: also a path."""
        return self.part.name

    @property
    def names(self) -> tuple[str, ...]:
        """All file names that the part gives: readers differ in which they take."""
        return self.part.names

    @property
    def type(self) -> str:
        """The declared media type, in lower case."""
        return self.part.type


def is_attached(part: Part) -> bool:
    """True for a file, False for text to be read with the message and for composites."""
    if part.parts and part.type not in MESSAGES:
        return False
    if part.multipart and not part.cut and not part.names:
        return False
    return part.type not in TEXTS or part.disposition == "attachment" or bool(part.names)


def attachments(message: bytes, root: Part | None = None) -> Iterator[Attachment]:
    """Yield what is attached, in order. `root` is the tree, where it was parsed already."""
    for path, part in (root or parse(message)).walk():
        if is_attached(part):
            yield attachment_at(message, path, part)


def attachment_at(message: bytes, path: tuple[int, ...], part: Part) -> Attachment:
    """Return a part as an attachment, whatever it is."""
    octets = decode(message[part.body : part.end], part.encoding)
    head = octets[:HEAD]
    return Attachment(path, part, len(octets), head, kind_of(head))


def strip(
    message: bytes, chosen: Iterable[Attachment], notice: Callable[[Attachment], str]
) -> bytes:
    """Put a small text in the place of each chosen attachment: what `notice` says of it, lines
    joined by LF. Fields that are not about the content stay."""
    return apply(message, [_stripped(message, each, notice(each)) for each in chosen])


def _stripped(message: bytes, attachment: Attachment, text: str) -> Edit:
    part = attachment.part
    kind, encoding, body = _text_body(text)
    header = without_content_fields(message[part.start : part.body])
    if not part.start and not values(header, "MIME-Version"):
        header = replace(header, "MIME-Version", "1.0")
    header = replace(header, "Content-Type", kind)
    header = replace(header, "Content-Transfer-Encoding", encoding)
    return Edit(part.start, part.end, header_of(header) + b"\r\n" + body)


def without_content_fields(header: bytes) -> bytes:
    """A header section without what it says of its body (RFC 2045 §9)."""
    content = (each for each in fields(header) if each.name.lower().startswith(b"content-"))
    return apply(header, [Edit(each.start, each.end, b"") for each in content])


def _text_body(text: str) -> tuple[str, str, bytes]:
    """A text's type, encoding and body."""
    lines = text.encode("utf-8", "replace").splitlines()
    body = b"".join(line + b"\r\n" for line in lines)
    if body.isascii() and b"\0" not in body and max(map(len, lines), default=0) <= _LONGEST_LINE:
        return "text/plain; charset=us-ascii", "7bit", body
    return "text/plain; charset=utf-8", "quoted-printable", encode_quoted_printable(body)


def rename(message: bytes, names: Sequence[tuple[Attachment, str]]) -> bytes:
    """Give attachments other file names, at most 255 characters each."""
    edits = [_renamed(message, each.part, name[:_LONGEST_NAME]) for each, name in names]
    return apply(message, edits)


def _renamed(message: bytes, part: Part, name: str) -> Edit:
    """Name the part in Content-Disposition, and wherever else it has a name that programs read."""
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
    """The value with this name in each of its parameters that names a file."""
    for parameter in sorted(_NAMES):
        if parse_value(value).texts(parameter):
            value = with_parameter(value, parameter, name)
    return value

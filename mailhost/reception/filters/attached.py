"""Which attachments somebody chose: by name, by type, by what they are, by what archives and
attached messages hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.message.entries import Globs
from mailhost.message.mime.attachments import Attachment, attachments
from mailhost.message.mime.encodings import RAW, decode
from mailhost.message.mime.kinds import Kind
from mailhost.message.mime.structure import LIMITS, MESSAGES, Limits, Part, parse
from mailhost.message.mime.zipped import names_in_zip

ZIPPED = (Kind.ZIP, Kind.JAR, Kind.OOXML, Kind.OPENDOCUMENT)
MOST_INSIDE = 100_000  # names in all archives of a message that are looked at
DEEPEST = 5  # messages in base64 in messages in base64
TOO_MANY = "more parts than can be looked at, or such as readers take differently"


class Chosen:
    """`names` are globs of file names. `types` are globs of media types as declared, or kinds of
    files (`exe`, see `message/mime/kinds`), which `inside` tells from the content. With `inside`
    names in ZIP archives count too, and what attached messages have attached."""

    def __init__(self, names: Sequence[str], types: Sequence[str], inside: bool) -> None:
        self._names = Globs(names)
        self._types = Globs([each for each in types if "/" in each])
        self._kinds = frozenset(each.casefold() for each in types if "/" not in each)
        self._inside = inside

    def tree(self, message: bytes) -> Part:
        """Return the message's tree, as far as `among` looks into it."""
        return parse(message, Limits(messages=True) if self._inside else LIMITS)

    def among(self, message: bytes, root: Part) -> Iterator[tuple[Attachment, str]]:
        """Yield each attachment that is one of those, and why; nothing that lies in another."""
        end, names = 0, iter(range(MOST_INSIDE))
        for each in attachments(message, root):
            why = self._why(message, each, names) if each.part.start >= end else ""
            if why:
                end = each.part.end
                yield each, why

    def _why(
        self, message: bytes, attachment: Attachment, names: Iterator[int], depth: int = 0
    ) -> str:
        """`names` ends with as many of them as may be looked at still."""
        name = next(filter(self._fits, attachment.names), "")
        if name:
            return f"the attachment {name!r}"
        if self._types.fit(attachment.type):
            return f"an attachment of type {attachment.type}"
        if not self._inside:
            return ""
        if attachment.kind in self._kinds:
            return f"an attachment that is {attachment.kind}"
        if attachment.type in MESSAGES and attachment.part.encoding not in RAW:
            return self._in_message(_octets(message, attachment), names, depth)
        inner = self._zipped(message, attachment, names)
        return f"{inner} in the attachment {attachment.name!r}" if inner else ""

    def _in_message(self, message: bytes, names: Iterator[int], depth: int) -> str:
        """As `_why`, of what an attached message has that is encoded, against RFC 2046 §5.2.1."""
        root = self.tree(message)
        if depth >= DEEPEST or not root.whole:
            return TOO_MANY
        inside = attachments(message, root)
        some = (self._why(message, each, names, depth + 1) for each in inside)
        return next(filter(None, some), "")

    def _zipped(self, message: bytes, attachment: Attachment, names: Iterator[int]) -> str:
        if attachment.kind not in ZIPPED or not self._names:
            return ""
        for name in names_in_zip(_octets(message, attachment)):
            if self._fits(name) or self._fits(name.replace("\\", "/").rpartition("/")[2]):
                return repr(name)
            if next(names, None) is None:
                return TOO_MANY
        return ""

    def _fits(self, name: str) -> bool:
        """True also for what Windows makes of a name: it leaves out dots and blanks at the end."""
        return self._names.fit(name) or self._names.fit(name.partition("\0")[0].rstrip(" ."))


def _octets(message: bytes, attachment: Attachment) -> bytes:
    part = attachment.part
    return decode(message[part.body : part.end], part.encoding)

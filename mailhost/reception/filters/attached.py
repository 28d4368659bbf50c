"""Finds the attachments that settings name: by file name, by type, by their first octets, and by
the files in archives, texts and attached messages. A part that mail programs read in different ways
counts as such an attachment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailhost.config.lists import Globs
from mailhost.message.mime.attachments import Attachment, attachment_at, is_attached
from mailhost.message.mime.encodings import RAW, decode, is_clear_base64
from mailhost.message.mime.fields import replace
from mailhost.message.mime.filenames import readings
from mailhost.message.mime.kinds import HEAD, kind_of
from mailhost.message.mime.packed import MOST_INFLATED, Budget, TooMuch, heads_in, names_in
from mailhost.message.mime.structure import LIMITS, MESSAGES, TEXT, Limits, Part, parse
from mailhost.message.mime.uuencoded import files_in_text

DEEPEST = 5  # messages in base64 in messages in base64
TOO_MANY = "more parts than can be looked at, or such as readers take differently"
_MESSAGES = MESSAGES | {"message/external-body"}  # its body has the header of an external part
_ENCODING = "Content-Transfer-Encoding"


class Chosen:
    """`names` are globs of file names. `types` are globs of media types as declared, or kinds of
    files (`exe`, see `message/mime/kinds`), which `inside` recognises by the content. With `inside`
    names in ZIP archives and TNEF count too, uuencoded files in texts, and what attached messages
    have attached."""

    def __init__(self, names: Sequence[str], types: Sequence[str], inside: bool) -> None:
        self._names = Globs(names)
        self._types = Globs([each for each in types if "/" in each])
        self._kinds = frozenset(each.casefold() for each in types if "/" not in each)
        self._inside = inside

    def tree(self, message: bytes) -> Part:
        """Return the message's tree, as far as `among` looks into it."""
        return parse(message, Limits(messages=True) if self._inside else LIMITS)

    def among(self, message: bytes, root: Part) -> Iterator[tuple[Attachment, str]]:
        """Yield each attachment that is one of those, and why; nothing that lies in another. A
        text with a file in it counts as one, and so does a multipart that is encoded."""
        # archives in archives hardly get larger when they are inflated
        whole = _Message(message, Budget(octets=MOST_INFLATED + 2 * len(message)))
        end = 0
        for path, part in root.walk():
            why = self._why(whole, path, part) if part.start >= end else ""
            if why:
                end = part.end
                yield attachment_at(message, path, part), why

    def _why(self, message: _Message, path: tuple[int, ...], part: Part) -> str:
        try:
            if is_attached(part):
                return self._why_attached(message, attachment_at(message.octets, path, part))
            return self._why_not_attached(message, part) if self._inside else ""
        except TooMuch:
            return TOO_MANY

    def _why_attached(self, message: _Message, attachment: Attachment) -> str:
        name = next(filter(self._fits, attachment.names), "")
        if name:
            return f"the attachment {name!r}"
        if self._types.fit(attachment.type):
            return f"an attachment of type {attachment.type}"
        if not self._inside:
            return ""
        if attachment.kind in self._kinds:
            return f"an attachment that is {attachment.kind}"
        return self._why_inside(message, attachment)

    def _why_inside(self, message: _Message, attachment: Attachment) -> str:
        part = attachment.part
        if part.type == "message/partial":
            return "a piece of a message that is sent in several mails"
        if part.type in MESSAGES and part.encoding in RAW:
            return ""  # its parts are in the tree
        if message.doubted and not message.is_clear(part):
            return f"the attachment {attachment.name!r}, whose base64 programs read differently"
        octets = message.body(part)
        if part.type in _MESSAGES or any(map(_is_message, attachment.names)):
            return self._why_in_message(message.inner(octets))
        why = self._why_in_file(octets, message.budget)
        return f"{why} in the attachment {attachment.name!r}" if why else ""

    def _why_in_message(self, message: _Message) -> str:
        """As `_why`, of an attached message that is not a part of the tree: it is encoded, against
        RFC 2046 §5.2.1, or is not called a message."""
        root = self.tree(message.octets)
        if message.depth > DEEPEST or (message.doubted and not root.whole):
            return TOO_MANY
        some = (self._why(message, path, part) for path, part in root.walk())
        return next(filter(None, some), "")

    def _why_not_attached(self, message: _Message, part: Part) -> str:
        if part.multipart and part.encoding not in RAW:
            # RFC 2045 §6.4 forbids it; some programs decode it, most do not
            header = replace(message.octets[part.start : part.body], _ENCODING, "8bit")
            return self._why_in_message(message.inner(header + message.body(part), doubted=False))
        return self._why_text(message, part) if part.type == TEXT and not part.parts else ""

    def _why_text(self, message: _Message, part: Part) -> str:
        for file in files_in_text(message.body(part)):
            message.budget.use_name()
            kind = kind_of(file.octets[:HEAD])
            if self._fits(file.name):
                return f"the file {file.name!r} in a text"
            if kind in self._kinds:
                return f"a file in a text that is {kind}"
            why = self._why_in_file(file.octets, message.budget)
            if why:
                return f"{why} in the file {file.name!r} in a text"
        return ""

    def _why_in_file(self, octets: bytes, budget: Budget) -> str:
        kinds = set(map(kind_of, heads_in(octets, budget))) & self._kinds
        if kinds:
            return f"a file that is {min(kinds)}"
        names = names_in(octets, budget) if self._names else iter(())
        found = next(filter(self._fits, names), "")
        return repr(found) if found else ""

    def _fits(self, name: str) -> bool:
        """True also for what programs make of a name."""
        return any(map(self._names.fit, dict.fromkeys(readings(name))))


@dataclass(frozen=True, slots=True)
class _Message:
    """A message that is examined. With `doubted`, parts that programs read differently count."""

    octets: bytes
    budget: Budget
    depth: int = 0
    doubted: bool = True

    def inner(self, octets: bytes, doubted: bool = True) -> _Message:
        """A message in this one."""
        return _Message(octets, self.budget, self.depth + 1, self.doubted and doubted)

    def body(self, part: Part) -> bytes:
        """A part's body, decoded."""
        return decode(self.octets[part.body : part.end], part.encoding)

    def is_clear(self, part: Part) -> bool:
        """True where all programs decode the part to the same octets."""
        return part.encoding != "base64" or is_clear_base64(self.octets[part.body : part.end])


def _is_message(name: str) -> bool:
    return any(each.lower().endswith(".eml") for each in readings(name))

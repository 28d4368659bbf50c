"""Finds the attachments that the settings of a filter name.

They are found by file name, by media type, by their first octets, and by the files in archives,
texts and attached messages. A part that mail programs read in different ways counts as found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailhost.config.lists import Globs
from mailhost.message.mime.attachments import AttachedPart, attachment_at, is_attached
from mailhost.message.mime.encodings import RAW, decode, is_clear_base64
from mailhost.message.mime.fields import replace
from mailhost.message.mime.filenames import readings
from mailhost.message.mime.kinds import HEAD_SIZE, kind_of
from mailhost.message.mime.packed import MOST_INFLATED, Budget, TooMuch, heads_in, names_in
from mailhost.message.mime.structure import LIMITS, MESSAGES, TEXT, Limits, Part, parse
from mailhost.message.mime.uuencoded import files_in_text

DEEPEST_MESSAGE = 5  # levels of encoded messages in encoded messages
NOT_EXAMINED = "more parts than can be examined, or parts that mail programs read differently"
# the body of message/external-body has the header section of the external part
_MESSAGES = MESSAGES | {"message/external-body"}
_ENCODING = "Content-Transfer-Encoding"


class AttachmentSelector:
    """Selects attachments by their names and types.

    `names` are globs of file names. `types` are globs of declared media types, or kinds of files
    (such as `exe`, see `message/mime/kinds`). With `inside` the content is examined: for its kind,
    for names in ZIP archives and TNEF, for uuencoded files in texts, and for the attachments of
    attached messages.
    """

    def __init__(self, names: Sequence[str], types: Sequence[str], inside: bool) -> None:
        self._names = Globs(names)
        self._types = Globs([each for each in types if "/" in each])
        self._kinds = frozenset(each.casefold() for each in types if "/" not in each)
        self._inside = inside

    def tree(self, message: bytes) -> Part:
        """Return the tree of the message that `select` needs."""
        return parse(message, Limits(messages=True) if self._inside else LIMITS)

    def select(self, message: bytes, root: Part) -> Iterator[tuple[AttachedPart, str]]:
        """Yield each selected attachment and the reason, without attachments in selected ones.

        A text that has a selected file in it is yielded too, and so is an encoded multipart.
        """
        # archives in archives hardly become larger when they are inflated
        whole = _Message(message, Budget(octets=MOST_INFLATED + 2 * len(message)))
        end = 0
        for path, part in root.walk():
            reason = self._reason(whole, path, part) if part.start >= end else ""
            if reason:
                end = part.end
                yield attachment_at(message, path, part), reason

    def _reason(self, message: _Message, path: tuple[int, ...], part: Part) -> str:
        try:
            if is_attached(part):
                return self._reason_attached(message, attachment_at(message.octets, path, part))
            return self._reason_not_attached(message, part) if self._inside else ""
        except TooMuch:
            return NOT_EXAMINED

    def _reason_attached(self, message: _Message, attachment: AttachedPart) -> str:
        name = next(filter(self._fits, attachment.names), "")
        if name:
            return f"the attachment {name!r}"
        if self._types.fit(attachment.type):
            return f"an attachment of type {attachment.type}"
        if not self._inside:
            return ""
        if attachment.kind in self._kinds:
            return f"an attachment that is {attachment.kind}"
        return self._reason_inside(message, attachment)

    def _reason_inside(self, message: _Message, attachment: AttachedPart) -> str:
        part = attachment.part
        if part.type == "message/partial":
            return "a piece of a message that is sent in several messages"
        if part.type in MESSAGES and part.encoding in RAW:
            return ""  # its parts are in the tree
        if message.doubted and not message.is_clear(part):
            return f"the attachment {attachment.name!r}, whose base64 programs read differently"
        octets = message.body(part)
        if part.type in _MESSAGES or any(map(_is_message, attachment.names)):
            return self._reason_in_message(message.inner(octets))
        reason = self._reason_in_file(octets, message.budget)
        return f"{reason} in the attachment {attachment.name!r}" if reason else ""

    def _reason_in_message(self, message: _Message) -> str:
        """Return the reason for an attached message whose parts are not in the tree.

        It is encoded, against RFC 2046 §5.2.1, or has another media type.
        """
        root = self.tree(message.octets)
        if message.depth > DEEPEST_MESSAGE or (message.doubted and not root.whole):
            return NOT_EXAMINED
        reasons = (self._reason(message, path, part) for path, part in root.walk())
        return next(filter(None, reasons), "")

    def _reason_not_attached(self, message: _Message, part: Part) -> str:
        if part.multipart and part.encoding not in RAW:
            # RFC 2045 §6.4 forbids an encoded multipart; some programs decode it, most do not
            header = replace(message.octets[part.start : part.body], _ENCODING, "8bit")
            return self._reason_in_message(
                message.inner(header + message.body(part), doubted=False)
            )
        return self._reason_in_text(message, part) if part.type == TEXT and not part.parts else ""

    def _reason_in_text(self, message: _Message, part: Part) -> str:
        for file in files_in_text(message.body(part)):
            message.budget.use_name()
            kind = kind_of(file.octets[:HEAD_SIZE])
            if self._fits(file.name):
                return f"the file {file.name!r} in a text"
            if kind in self._kinds:
                return f"a file in a text that is {kind}"
            reason = self._reason_in_file(file.octets, message.budget)
            if reason:
                return f"{reason} in the file {file.name!r} in a text"
        return ""

    def _reason_in_file(self, octets: bytes, budget: Budget) -> str:
        kinds = set(map(kind_of, heads_in(octets, budget))) & self._kinds
        if kinds:
            return f"a file that is {min(kinds)}"
        names = names_in(octets, budget) if self._names else iter(())
        found = next(filter(self._fits, names), "")
        return repr(found) if found else ""

    def _fits(self, name: str) -> bool:
        """True where the name, or a name that a program makes of it, matches."""
        return any(map(self._names.fit, dict.fromkeys(readings(name))))


@dataclass(frozen=True, slots=True)
class _Message:
    """A message that is examined. With `doubted`, parts that programs read differently count as
    found."""

    octets: bytes
    budget: Budget
    depth: int = 0
    doubted: bool = True

    def inner(self, octets: bytes, doubted: bool = True) -> _Message:
        """Return a message that is in this one, with the same budget."""
        return _Message(octets, self.budget, self.depth + 1, self.doubted and doubted)

    def body(self, part: Part) -> bytes:
        """Return the decoded body of a part."""
        return decode(self.octets[part.body : part.end], part.encoding)

    def is_clear(self, part: Part) -> bool:
        """True where all programs decode the part to the same octets."""
        return part.encoding != "base64" or is_clear_base64(self.octets[part.body : part.end])


def _is_message(name: str) -> bool:
    return any(each.lower().endswith(".eml") for each in readings(name))

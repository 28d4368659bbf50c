"""Which attachments somebody chose: by name, by type, by what they are, by what archives hold."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence

from mailhost.message.entries import Globs
from mailhost.message.mime.attachments import Attachment
from mailhost.message.mime.encodings import decode
from mailhost.message.mime.kinds import Kind

ZIPPED = (Kind.ZIP, Kind.JAR, Kind.OOXML, Kind.OPENDOCUMENT)
MOST_INSIDE = 10_000  # names of an archive that are looked at


class Chosen:
    """`names` are globs of file names. `types` are globs of media types as declared, or kinds of
    files (`exe`, see `message/mime/kinds`), which `inside` tells from the content. With `inside`
    names in ZIP archives count too."""

    def __init__(self, names: Sequence[str], types: Sequence[str], inside: bool) -> None:
        self._names = Globs(names)
        self._types = Globs([each for each in types if "/" in each])
        self._kinds = frozenset(each.casefold() for each in types if "/" not in each)
        self._inside = inside

    def why(self, message: bytes, attachment: Attachment) -> str:
        """Return why an attachment of the message is one of those, nothing where it is not."""
        name = next(filter(self._names.fit, attachment.names), "")
        if name:
            return f"the attachment {name!r}"
        if self._types.fit(attachment.type):
            return f"an attachment of type {attachment.type}"
        if not self._inside:
            return ""
        if attachment.kind in self._kinds:
            return f"an attachment that is {attachment.kind}"
        inner = self._zipped(message, attachment)
        return f"{inner!r} in the attachment {attachment.name!r}" if inner else ""

    def _zipped(self, message: bytes, attachment: Attachment) -> str:
        if attachment.kind not in ZIPPED or not self._names:
            return ""
        part = attachment.part
        octets = decode(message[part.body : part.end], part.encoding)
        try:
            with zipfile.ZipFile(io.BytesIO(octets)) as archive:
                inside = archive.namelist()[:MOST_INSIDE]
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError):
            return ""  # it is none, or broken: nobody opens it either
        return next((name for name in inside if self._fits_path(name)), "")

    def _fits_path(self, path: str) -> bool:
        return self._names.fit(path) or self._names.fit(path.rpartition("/")[2])

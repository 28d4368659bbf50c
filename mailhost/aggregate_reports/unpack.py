"""Takes the file of a report out of its message, and out of gzip or ZIP.

The sizes of what is unpacked are bounded, so that a small message that unpacks to gigabytes costs
no more than the largest report.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.aggregate_reports.report import BadReport, NoReport
from mailhost.message.mime.encodings import decode
from mailhost.message.mime.structure import Limits, Part, parse
from mailhost.message.mime.zipped import ZIP_SIGNATURE, inflate, members

LARGEST_MESSAGE = 25_000_000  # octets; a larger one is not read
_LIMITS = Limits(depth=10, parts=100, lines=1000)
_GZIP_SIGNATURE = b"\x1f\x8b"
_MOST_MEMBERS = 10  # of a ZIP archive
_BEGINNING = 200  # octets by which a file is known


@dataclass(frozen=True, slots=True)
class FileForm:
    """The files of one kind of reports.

    An attachment may be such a file if its media type begins with one of `types`, or its file name
    ends with one of `names`. The file begins with one of `starts`, ends with `end`, and has at most
    `largest` octets.
    """

    types: tuple[str, ...]
    names: tuple[str, ...]
    starts: tuple[bytes, ...]
    end: bytes
    largest: int

    def is_begun_by(self, octets: bytes) -> bool:
        """True if a file that begins with these octets has this form."""
        return octets[:_BEGINNING].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(self.starts)

    def bounded(self, file: bytes) -> bytes:
        """Return the file. Raises BadReport if it is too large."""
        if len(file) > self.largest:
            raise BadReport(f"the report has more than {self.largest} octets")
        return file


def file_of_message(message: bytes, form: FileForm) -> bytes:
    """Return the file of the report in a message. Raises BadReport, and NoReport where no
    attachment has this form."""
    if len(message) > LARGEST_MESSAGE:
        raise BadReport(f"the message has more than {LARGEST_MESSAGE} octets")
    for part in _candidates(parse(message, _LIMITS), form):
        octets = decode(message[part.body : part.end], part.encoding)
        file = unpack(octets, form)
        if file is not None:
            return file
    raise NoReport("the message has no attachment with a report")


def _candidates(root: Part, form: FileForm) -> Iterator[Part]:
    for _, part in root.walk():
        named = any(name.lower().endswith(form.names) for name in part.names)
        if not part.multipart and (named or part.type.startswith(form.types)):
            yield part


def unpack(octets: bytes, form: FileForm) -> bytes | None:
    """Return the file in an attachment: plain, in gzip, or the first of its form in a ZIP archive;
    None where there is none. Raises BadReport if it is too large."""
    if octets.startswith(_GZIP_SIGNATURE):
        return _gunzipped(octets, form)
    if octets.startswith(ZIP_SIGNATURE):
        return _from_archive(octets, form)
    return form.bounded(octets) if form.is_begun_by(octets) else None


def _gunzipped(octets: bytes, form: FileForm) -> bytes | None:
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        file = unpacking.decompress(octets, form.largest + 1)
    except zlib.error as error:
        raise BadReport(f"the gzip file is broken: {error}") from error
    return form.bounded(file) if form.is_begun_by(file) else None


def _from_archive(octets: bytes, form: FileForm) -> bytes | None:
    for number, member in enumerate(members(octets)):
        if number == _MOST_MEMBERS:
            break
        if member.deflated:
            file = inflate(octets, member.start, form.largest + 1)
        elif member.readable and member.start >= 0:
            file = octets[member.start :]
            end = file.rfind(form.end, 0, file.find(b"PK\x01\x02"))
            file = file[: end + len(form.end)] if end >= 0 else b""
        else:
            continue
        if form.is_begun_by(file):
            return form.bounded(file)
    return None

"""Takes the XML of a report out of its message, and out of gzip or ZIP (RFC 9990 §3.5.2, RFC 7489
§7.2.1.1).

The sizes of what is unpacked are bounded, so that a small message that unpacks to gigabytes costs
no more than a report of LARGEST_XML octets.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from mailhost.dmarc_reports.report import BadReport
from mailhost.message.mime.encodings import decode
from mailhost.message.mime.structure import Limits, Part, parse
from mailhost.message.mime.zipped import ZIP_SIGNATURE, inflate, members

LARGEST_MESSAGE = 25_000_000  # octets; a larger one is not read
LARGEST_XML = 30_000_000  # octets
_LIMITS = Limits(depth=10, parts=100, lines=1000)
_GZIP_SIGNATURE = b"\x1f\x8b"
_MOST_MEMBERS = 10  # of a ZIP archive
_TYPES = ("application/", "text/xml")
_ENDS = (".xml", ".xml.gz", ".gz", ".zip")


def xml_of_message(message: bytes) -> bytes:
    """Return the XML of the report in a message. Raises BadReport."""
    if len(message) > LARGEST_MESSAGE:
        raise BadReport(f"the message has more than {LARGEST_MESSAGE} octets")
    for part in _candidates(parse(message, _LIMITS)):
        octets = decode(message[part.body : part.end], part.encoding)
        xml = unpack(octets)
        if xml is not None:
            return xml
    raise BadReport("the message has no attachment with a report")


def _candidates(root: Part) -> Iterator[Part]:
    for _, part in root.walk():
        named = any(name.lower().endswith(_ENDS) for name in part.names)
        if not part.multipart and (named or part.type.startswith(_TYPES)):
            yield part


def unpack(octets: bytes) -> bytes | None:
    """Return the XML in a file: plain, in gzip, or the first in a ZIP archive; None where the file
    has none. Raises BadReport if it is too large."""
    if octets.startswith(_GZIP_SIGNATURE):
        return _gunzipped(octets)
    if octets.startswith(ZIP_SIGNATURE):
        return _from_archive(octets)
    return _bounded(octets) if _is_xml(octets) else None


def _gunzipped(octets: bytes) -> bytes | None:
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    try:
        xml = unpacking.decompress(octets, LARGEST_XML + 1)
    except zlib.error as error:
        raise BadReport(f"the gzip file is broken: {error}") from error
    return _bounded(xml) if _is_xml(xml) else None


def _from_archive(octets: bytes) -> bytes | None:
    for number, member in enumerate(members(octets)):
        if number == _MOST_MEMBERS:
            break
        if member.deflated:
            xml = inflate(octets, member.start, LARGEST_XML + 1)
        elif member.readable and member.start >= 0:
            xml = octets[member.start :]
            xml = xml[: xml.rfind(b">", 0, xml.find(b"PK\x01\x02")) + 1]
        else:
            continue
        if _is_xml(xml):
            return _bounded(xml)
    return None


def _is_xml(octets: bytes) -> bool:
    start = octets[:200].removeprefix(b"\xef\xbb\xbf").lstrip()
    return start.startswith((b"<", b"\xff\xfe<", b"\xfe\xff\x00<"))


def _bounded(xml: bytes) -> bytes:
    if len(xml) > LARGEST_XML:
        raise BadReport(f"the report has more than {LARGEST_XML} octets")
    return xml

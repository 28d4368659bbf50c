"""The kind of a file by its first octets, independent of its name and declared type.

The kind comes from a small table of signatures; for ZIP archives, which are the container of many
kinds of files, from the names at the beginning. That distinguishes programs from documents; it does
not detect viruses.
"""

from __future__ import annotations

import re
from enum import StrEnum

HEAD_SIZE = 4096  # octets that are examined


class Kind(StrEnum):
    """Kinds of files, by the names that settings use."""

    EXE = "exe"  # Windows and DOS programs and libraries
    ELF = "elf"
    MACH_O = "mach-o"
    CLASS = "class"
    SCRIPT = "script"
    BATCH = "batch"
    SHORTCUT = "shortcut"
    OLE2 = "ole2"  # Office until 2003, and MSI
    OOXML = "ooxml"  # Office since 2007
    OPENDOCUMENT = "opendocument"
    ONENOTE = "onenote"
    RTF = "rtf"
    PDF = "pdf"
    POSTSCRIPT = "postscript"
    JAR = "jar"
    ZIP = "zip"
    RAR = "rar"
    SEVEN_ZIP = "7z"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"
    CAB = "cab"
    ACE = "ace"
    ARJ = "arj"
    LZH = "lzh"
    TAR = "tar"
    CHM = "chm"
    HTML = "html"
    SVG = "svg"
    XML = "xml"
    JPEG = "jpeg"
    PNG = "png"
    GIF = "gif"
    TIFF = "tiff"
    WEBP = "webp"
    BMP = "bmp"
    MP3 = "mp3"
    MP4 = "mp4"
    OGG = "ogg"
    WAV = "wav"
    TEXT = "text"
    EMPTY = "empty"
    UNKNOWN = "unknown"


# offsets, octets, and the kinds of files that have these octets there; the first match counts
_SIGNATURES = (
    (0, b"MZ", Kind.EXE),
    (0, b"\x7fELF", Kind.ELF),
    (0, b"\xfe\xed\xfa\xce", Kind.MACH_O),
    (0, b"\xfe\xed\xfa\xcf", Kind.MACH_O),
    (0, b"\xce\xfa\xed\xfe", Kind.MACH_O),
    (0, b"\xcf\xfa\xed\xfe", Kind.MACH_O),
    (0, b"\xca\xfe\xba\xbe\x00\x00\x00\x01", Kind.MACH_O),  # "fat", of one or two
    (0, b"\xca\xfe\xba\xbe\x00\x00\x00\x02", Kind.MACH_O),
    (0, b"\xca\xfe\xba\xbe", Kind.CLASS),
    (0, b"#!", Kind.SCRIPT),
    (0, b"\xef\xbb\xbf#!", Kind.SCRIPT),
    (0, b"L\x00\x00\x00\x01\x14\x02\x00", Kind.SHORTCUT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind.OLE2),
    (0, b"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", Kind.ONENOTE),
    (0, b"{\\rt", Kind.RTF),
    (0, b"%!PS", Kind.POSTSCRIPT),
    (0, b"PK\x03\x04", Kind.ZIP),
    (0, b"PK\x05\x06", Kind.ZIP),  # without files
    (0, b"PK\x07\x08", Kind.ZIP),  # in several volumes
    (0, b"Rar!\x1a\x07", Kind.RAR),
    (0, b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (0, b"\x1f\x8b", Kind.GZIP),
    (0, b"BZh", Kind.BZIP2),
    (0, b"\xfd7zXZ\x00", Kind.XZ),
    (0, b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (0, b"MSCF", Kind.CAB),
    (7, b"**ACE**", Kind.ACE),
    (0, b"\x60\xea", Kind.ARJ),
    (2, b"-lh", Kind.LZH),
    (257, b"ustar", Kind.TAR),
    (0, b"ITSF", Kind.CHM),
    (0, b"\xff\xd8\xff", Kind.JPEG),
    (0, b"\x89PNG\r\n\x1a\n", Kind.PNG),
    (0, b"GIF8", Kind.GIF),
    (0, b"II*\x00", Kind.TIFF),
    (0, b"MM\x00*", Kind.TIFF),
    (8, b"WEBP", Kind.WEBP),
    (8, b"WAVE", Kind.WAV),
    (0, b"ID3", Kind.MP3),
    (0, b"\xff\xfb", Kind.MP3),
    (4, b"ftyp", Kind.MP4),
    (0, b"OggS", Kind.OGG),
)
_PDF_WITHIN = 1024  # octets: readers look that far for its beginning

# Names of the first files in a ZIP archive, each behind the 30 octets of its header. Office writes
# [Content_Types].xml first, other programs write the folders of Office first. The first file of an
# OpenDocument archive has its media type.
_FILE = rb"PK\x03\x04.{26}"
_IN_ZIP = tuple(
    (re.compile(_FILE + name, re.DOTALL), kind)
    for name, kind in (
        (rb"mimetypeapplication/vnd\.oasis\.opendocument", Kind.OPENDOCUMENT),
        (rb"(?:\[Content_Types\]\.xml|_rels/\.rels|(?:word|xl|ppt)/[\w/]+\.xml)", Kind.OOXML),
        (rb"META-INF/", Kind.JAR),
    )
)
# the beginnings and ends of comments and instructions, which may be in front of the first element
_PROLOG = ((b"<!--", b"-->"), (b"<?", b"?>"))
_TAGS = rb"!doctype\s+html|html|head|body|script|iframe|meta|title|style|table|div|a"
_MARKUP = (
    (re.compile(rb"<(?:" + _TAGS + rb")(?=[\s/>])"), Kind.HTML),
    (re.compile(rb"<(?:svg\b|!doctype\s+svg)"), Kind.SVG),
)
_XML = re.compile(rb"<\?xml\b")
_BATCH = re.compile(rb"\s*@?echo\s+off\b", re.IGNORECASE)
_BOMS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))


def kind_of(head: bytes) -> Kind:
    """Return the kind of a file by its first octets, of which HEAD_SIZE are examined."""
    head = head[:HEAD_SIZE]
    if not head:
        return Kind.EMPTY
    for offset, signature, kind in _SIGNATURES:
        if head.startswith(signature, offset):
            return _in_zip(head) if kind is Kind.ZIP else kind
    if b"%PDF-" in head[:_PDF_WITHIN]:
        return Kind.PDF
    return _text(head)


def _in_zip(head: bytes) -> Kind:
    return next((kind for pattern, kind in _IN_ZIP if pattern.search(head)), Kind.ZIP)


def _text(head: bytes) -> Kind:
    """Return the kind of markup, a batch file or other text, also in UTF-16."""
    for bom, charset in _BOMS:
        if head.startswith(bom):
            head = head[2:].decode(charset, "replace").encode("utf-8")
    if head.startswith(b"BM") and b"\0" in head:
        return Kind.BMP
    if b"\0" in head:
        return Kind.UNKNOWN
    if _BATCH.match(head.removeprefix(b"\xef\xbb\xbf")):
        return Kind.BATCH
    lower = head.lower().removeprefix(b"\xef\xbb\xbf").lstrip()
    element = _without_prolog(lower)
    markup = next((kind for pattern, kind in _MARKUP if pattern.match(element)), None)
    return markup or (Kind.XML if _XML.match(lower) else _plain(head))


def _without_prolog(text: bytes) -> bytes:
    """Return the text without the blanks, comments and instructions at its beginning."""
    while (end := _prolog_end(text)) > 0:
        text = text[end:].lstrip()
    return text


def _prolog_end(text: bytes) -> int:
    """Return the offset where the comment or instruction at the beginning of a text ends, 0 for
    none."""
    for begin, end in _PROLOG:
        if text.startswith(begin):
            found = text.find(end, len(begin))
            return found + len(end) if found >= 0 else 0
    return 0


def _plain(head: bytes) -> Kind:
    controls = sum(octet < 32 and octet not in b"\t\n\f\r\x1b" for octet in head)
    return Kind.UNKNOWN if controls * 50 > len(head) else Kind.TEXT

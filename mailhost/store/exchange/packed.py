"""Message files of Dovecot's zlib plugin, which are compressed as a whole."""

from __future__ import annotations

import zlib

from mailhost.message.content import Content, ContentWriter

_GZIP = b"\x1f\x8b"
_OTHERS = {
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x04\x22\x4d\x18": "lz4",
    b"Dovecot-LZ4": "lz4",
    b"CRYPTED\x03\x07": "mail_crypt",
}


class CannotUnpack(ValueError):
    """The file is compressed or encrypted in a way that cannot be read here."""


def unpacked(content: Content, folder: str) -> Content:
    """Return the message in a file that may be compressed with gzip; a large one takes its room in
    the folder at that path. Raises CannotUnpack, OSError."""
    start = content.read(16)
    for magic, name in _OTHERS.items():
        if start.startswith(magic):
            raise CannotUnpack(f"it is packed by {name}")
    if not start.startswith(_GZIP):
        return content
    writer = ContentWriter(folder)
    unzip = zlib.decompressobj(wbits=31)
    try:
        for chunk in content.chunks():
            writer.write(unzip.decompress(chunk))
        writer.write(unzip.flush())
    except zlib.error as error:
        raise CannotUnpack(f"its gzip is damaged: {error}") from error
    if not unzip.eof:
        raise CannotUnpack("its gzip ends early")
    return writer.finish()

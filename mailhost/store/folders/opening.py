"""Opens the file of a message, unless it is compressed.

Dovecot's plugin `zlib` may have compressed mail; then the file begins with the magic number of a
compressor, which no message does. Such mail is refused: `doveadm` can write it uncompressed.
"""

from __future__ import annotations

from mailhost.message.content import Content
from mailhost.store.maildir.message_file import content_of_message, read_file

MAGIC = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"Dovecot-LZ4\r\x2a\x9b\xc5")
_LONGEST = max(map(len, MAGIC))


class CompressedMail(OSError):
    """The message is compressed, so that it cannot be shown."""


def opened(path: str) -> Content:
    """Return the message in a file as it lies there. Raises CompressedMail, OSError."""
    content = content_of_message(path)
    if content.read(_LONGEST).startswith(MAGIC):
        raise CompressedMail(f"{path} is compressed by Dovecot's plugin zlib")
    return content


def read_small(name: str, most: int, directory: int, size: int) -> bytes | None:
    """Return a message of `most` octets at most as it lies in its file, None for a larger one.
    `directory` is the descriptor of the directory in which the name is looked up: the kernel need
    not follow its path for each file. `size` are the octets that it probably has, 0 for unknown.

    Raises CompressedMail, OSError.
    """
    octets = read_file(name, directory, most + 1, size)
    if octets.startswith(MAGIC):
        raise CompressedMail(f"{name} is compressed by Dovecot's plugin zlib")
    return octets if len(octets) <= most else None

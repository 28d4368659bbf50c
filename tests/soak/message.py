"""Messages that tell whether they are whole: an id, and a checksum of the body, in the header."""

from __future__ import annotations

import hashlib
import re

_ID = re.compile(rb"^X-Soak-Id: (\S+)\r?$", re.MULTILINE)
_ENTRY = re.compile(rb"^Received: [^;]* id ([^\s;]+)", re.MULTILINE)
_SUM = re.compile(rb"^X-Soak-Sum: (\S+)\r?$", re.MULTILINE)


def make(identity: str, size: int) -> bytes:
    """Return a message with a body of about `size` octets, with CRLF line ends."""
    line = f"{identity} ".encode() * 8
    body = (line[:70] + b"\r\n") * (size // 72 + 1)
    digest = hashlib.sha256(body).hexdigest()
    return f"X-Soak-Id: {identity}\r\nX-Soak-Sum: {digest}\r\n\r\n".encode() + body


def entry_of(message: bytes) -> str:
    """Return what the host called the message when it took it: the same for all copies that it
    made of one, another for each time that a client sent it."""
    found = _ENTRY.search(message)
    return found[1].decode() if found else ""


def identity_of(message: bytes) -> str | None:
    """Return the id of a message that is whole, None for one that is not."""
    header, _, body = message.partition(b"\r\n\r\n")
    identity, digest = _ID.search(header), _SUM.search(header)
    if not identity or not digest or hashlib.sha256(body).hexdigest().encode() != digest[1]:
        return None
    return identity[1].decode()

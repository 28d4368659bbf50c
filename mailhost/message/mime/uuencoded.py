"""Files in plain text, between the lines `begin` and `end`: uuencode, which mail used before MIME,
and yEnc. Some mail programs still show such files as attachments."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from mailhost.message.mime.encodings import decode

_BEGIN = re.compile(
    rb"^(?:begin(-base64)?[ \t]+[0-7]{3,6}[ \t]+|=ybegin [^\r\n]*?name=)([^\r\n]+)\r?\n?",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True)
class FileInText:
    """A file in a text. `octets` are its decoded octets, as far as they can be decoded; empty for
    yEnc."""

    name: str
    octets: bytes


def files_in_text(text: bytes) -> Iterator[FileInText]:
    """Yield the files in the octets of a text. The time is linear."""
    found = _BEGIN.search(text)
    while found is not None:
        following = _BEGIN.search(text, found.end())
        bound = following.start() if following else len(text)
        end = text.find(b"\nend", found.end() - 1, bound)
        lines = text[found.end() : end + 1 if end >= 0 else bound]
        if found[0].startswith(b"="):
            lines = b""
        octets = decode(lines, "base64" if found[1] else "x-uuencode")
        yield FileInText(found[2].decode("utf-8", "replace"), octets)
        found = following

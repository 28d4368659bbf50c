"""The names that programs may give a file: they may differ from the name that is written.

Windows leaves out dots and blanks at the end, and what follows a colon names a stream of the file;
others end a name at a NUL, leave out characters that cannot be seen (among them those that turn the
direction of writing), or take ASCII for what only looks like ASCII.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Iterator

_SPACES = string.whitespace + "\x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"
_SPACES += "".join(map(chr, range(0x2000, 0x200B)))
_AT_END = _SPACES + ".\"'<>|?*;,/\\"
_AT_BEGINNING = _SPACES + "\"'<"
_PLAIN = re.compile(r"[A-Za-z0-9_ .+()-]*[A-Za-z0-9_)]")  # and what nobody changes
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]+"
)


def readings(name: str) -> Iterator[str]:
    """Yield the name as it is written, then what it may become; some more than once."""
    yield name
    if _PLAIN.fullmatch(name):
        return
    for each in {name, name.partition("\0")[0], _INVISIBLE.sub("", name)}:
        yield from _short(each)
    if not name.isascii():
        yield from _short(_INVISIBLE.sub("", unicodedata.normalize("NFKC", name)))


def _short(name: str) -> Iterator[str]:
    """The name without what is left out at its end, and without folders and streams."""
    name = name.rstrip(_AT_END)
    for each in {name, name.replace("\\", "/").rpartition("/")[2]}:
        for part in {each, each.partition(":")[0], each.rpartition(":")[2]}:
            yield part.rstrip(_AT_END).lstrip(_AT_BEGINNING)

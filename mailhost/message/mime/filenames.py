"""The file names that programs make of the name of an attachment, for example `a.exe` of `a.exe.`.

Windows removes dots and blanks at the end of a name, and reads the text behind a colon as the name
of a stream of the file. Other programs end a name at a NUL, remove invisible characters (among them
those that change the direction of writing), or replace characters that look like ASCII by ASCII.
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
_PLAIN = re.compile(r"[A-Za-z0-9_ .+()-]*[A-Za-z0-9_)]")  # names that no program changes
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]+"
)


def readings(name: str) -> Iterator[str]:
    """Yield the name as it is written, then the names that programs make of it. A name may be
    yielded several times."""
    yield name
    if _PLAIN.fullmatch(name):
        return
    for each in {name, name.partition("\0")[0], _INVISIBLE.sub("", name)}:
        yield from _short(each)
    if not name.isascii():
        yield from _short(_INVISIBLE.sub("", unicodedata.normalize("NFKC", name)))


def _short(name: str) -> Iterator[str]:
    """Yield the name without dots and blanks at its end, then without folders and streams too."""
    name = name.rstrip(_AT_END)
    for each in {name, name.replace("\\", "/").rpartition("/")[2]}:
        for part in {each, each.partition(":")[0], each.rpartition(":")[2]}:
            yield part.rstrip(_AT_END).lstrip(_AT_BEGINNING)

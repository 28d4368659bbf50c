"""Reads the reply of an SMTP server as people paste it: from a log, a bounce, or a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass

LONGEST_TEXT = 10_000  # characters that are read
_CODE = r"(?<![0-9.])[245][0-5][0-9](?![0-9.])"
_ENHANCED = r"(?<![0-9.])[245]\.[0-9]{1,3}\.[0-9]{1,3}(?![0-9.]*[0-9])"
_BOTH = re.compile(rf"({_CODE})[ -]+({_ENHANCED})")
# the codes at the beginning of further lines, which are no part of the text
_CONTINUED = re.compile(rf"[\r\n]+[ \t]*{_CODE}[ -](?:{_ENHANCED})?")


@dataclass(frozen=True, slots=True)
class Reply:
    """The reply of a server. `code` is 0 and `enhanced` is empty where the text has none; `text` is
    the rest of the reply in one line."""

    code: int
    enhanced: str
    text: str

    @property
    def temporary(self) -> bool:
        """True where a later attempt may succeed."""
        return (self.enhanced or str(self.code)).startswith("4")

    @property
    def permanent(self) -> bool:
        """True where the same message is refused again."""
        return (self.enhanced or str(self.code)).startswith("5")


def parse_reply(text: str) -> Reply:
    """Return the first reply in a text, with the codes that it has."""
    text = text[:LONGEST_TEXT].strip()
    both = _BOTH.search(text)
    if both is not None:
        return Reply(int(both[1]), both[2], _line(text[both.end() :]))
    code, enhanced = re.search(_CODE, text), re.search(_ENHANCED, text)
    begin = max((match.end() for match in (code, enhanced) if match), default=0)
    return Reply(int(code[0]) if code else 0, enhanced[0] if enhanced else "", _line(text[begin:]))


def _line(text: str) -> str:
    return " ".join(_CONTINUED.sub(" ", text).split()).lstrip("-: ")

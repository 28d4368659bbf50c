"""Tag lists: `v=DKIM1; k=rsa; p=...` (RFC 6376 §3.2), as DKIM, DMARC and ARC have them."""

from __future__ import annotations

import re

# names and values are case-sensitive; the value is printable, with blanks and folds around and
# inside it
_TAG = re.compile(r"[ \t\r\n]*([A-Za-z][A-Za-z0-9_]*)[ \t\r\n]*=([^;]*)")
_UNPRINTABLE = re.compile(r"[^ \t\r\n!-~\x80-\U0010ffff]")
_BLANKS = " \t\r\n"


class BadTagList(ValueError):
    """A text that is no tag list; the text of the exception says why."""


def parse_tags(text: str) -> dict[str, str]:
    """Return the tags in order, each value without the blanks around it. Raises BadTagList, also
    for a tag that appears twice."""
    if _UNPRINTABLE.search(text):
        raise BadTagList("a character that no tag list has")
    parts = text.split(";")
    if not parts[-1].strip(_BLANKS):
        parts.pop()
    tags = dict[str, str]()
    for part in parts:
        match = _TAG.fullmatch(part)
        if match is None:
            raise BadTagList(f"{ascii(part.strip(_BLANKS))[:60]} is no tag")
        if match[1] in tags:
            raise BadTagList(f"the tag {match[1][:20]} appears twice")
        tags[match[1]] = match[2].strip(_BLANKS)
    return tags


def without_blanks(value: str) -> str:
    """Return a value of base64 or of a list without the blanks and folds inside it."""
    return "".join(value.split())

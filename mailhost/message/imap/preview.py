"""PREVIEW (RFC 8970): the first 200 characters of what a message says.

They come from its first text/plain, or else text/html, that is no attachment. Quoted replies are
left out unless nothing else is there. Only the beginning of that part is read.
"""

from __future__ import annotations

import re
from html import unescape

from mailhost.message.imap.decoding import decoded, texts
from mailhost.message.imap.part_offsets import BodyPart
from mailhost.message.imap.reader import Reader

LONGEST = 200  # characters, RFC 8970 §3.1
_READ = {"text/plain": 1 << 13, "text/html": 1 << 15}  # octets of the encoded body
_QUOTED = (">", "|")
_MOST_LINES = 3  # of what stands in front of a quote: "On Monday Joe wrote:"
# behind it all is quoted: "-----Original Message-----"
_ORIGINAL = re.compile(r"^[ \t]*-{2,}[^-\n]{1,60}-{2,}[ \t\r]*$", re.MULTILINE)
_SIGNATURE = re.compile(r"^-- \r?$", re.MULTILINE)
_RULE = re.compile(r"([-=_*#~+.])\1{4,}")
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+")
_INVISIBLE = re.compile(r"[\x80-\x9f\xad\u034f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff]+")
# HTML: what is not shown, tags within a line, all other tags, where a reply is quoted
_HIDDEN = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(head|script|style|title|template)\b.*?(?:</\1\b[^>]*>?|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_INLINE = re.compile(
    rb"</?(?:a|abbr|b|big|code|em|font|i|ins|mark|s|small|span|strong|sub|sup|tt|u|wbr)\b[^>]*(?:>|\Z)",
    re.IGNORECASE,
)
_BLOCK = re.compile(rb"<[/!?]?[a-zA-Z\[][^>]*(?:>|\Z)|</[^>]*(?:>|\Z)")
_QUOTE = re.compile(rb"<blockquote\b|<[a-z]+ [^<>]{0,40}class=\"?gmail_quote", re.IGNORECASE)


def preview(reader: Reader, root: BodyPart) -> str:
    """Return the preview, empty where the message has no text. Raises OSError."""
    part = _text_part(root)
    if part is None:
        return ""
    octets = b"".join(decoded(reader, part, _READ[part.type]))
    if part.type == "text/html":
        return _of_html(octets, part.charset)
    return _of_plain("".join(texts([octets], part.charset)))


def _text_part(root: BodyPart) -> BodyPart | None:
    """The first text/plain with something in it, else the first text/html."""
    found = [
        part for part in root.walk() if part.type in _READ and part.size and not part.is_attached
    ]
    plain = (part for part in found if part.type == "text/plain")
    return next(plain, found[0] if found else None)


def _of_plain(text: str) -> str:
    if text.startswith("-----BEGIN PGP SIGNED"):
        text = text.partition("\n\r\n")[2]
    own = _SIGNATURE.split(_ORIGINAL.split(text, maxsplit=1)[0], maxsplit=1)[0]
    return _folded(_without_quotes(own)) or _folded(text)


def _without_quotes(text: str) -> str:
    """The text without quoted lines, and without what tells who wrote them."""
    if ">" not in text and "|" not in text:
        return text
    kept, is_quote = list[str](), False
    for line in text.split("\n"):
        if line.lstrip().startswith(_QUOTED):
            if not is_quote:
                _drop_attribution(kept)
            is_quote = True
        else:
            kept.append(line.rstrip())
            is_quote = is_quote and not kept[-1]
    return "\n".join(kept)


def _drop_attribution(lines: list[str]) -> None:
    """Take away a short paragraph at the end that ends with a colon."""
    while lines and not lines[-1]:
        lines.pop()
    start = len(lines)
    while start and lines[start - 1] and len(lines) - start <= _MOST_LINES:
        start -= 1
    if lines and lines[-1].endswith(":") and len(lines) - start <= _MOST_LINES:
        del lines[start:]


def _of_html(octets: bytes, charset: str) -> str:
    own = octets[: quote.start()] if (quote := _QUOTE.search(octets)) else octets
    return _html_text(own, charset) or _html_text(octets, charset)


def _html_text(html: bytes, charset: str) -> str:
    """The text of HTML as a cheap scanner finds it: what has no end goes to the end."""
    octets = _BLOCK.sub(b" ", _INLINE.sub(b"", _HIDDEN.sub(b" ", html)))
    return _folded(unescape("".join(texts([octets[: 8 * LONGEST]], charset))))


def _folded(text: str) -> str:
    """The text on one line, with one blank where it had several, and without ruled lines."""
    text = _RULE.sub(" ", text[: 8 * LONGEST])
    if not text.isascii():
        text = _INVISIBLE.sub(" ", text)
    return " ".join(_CONTROLS.sub(" ", text).split())[:LONGEST].rstrip()

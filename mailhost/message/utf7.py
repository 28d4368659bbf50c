"""Modified UTF-7, in which IMAP4rev1 and Maildirs write mailbox names (RFC 3501 §5.1.3)."""

from __future__ import annotations

import base64
import binascii
import re

_PLAIN = re.compile(rb"[\x20-\x25\x27-\x7e]*")  # all printable ASCII but &
_SHIFTED = re.compile(rb"&([A-Za-z0-9+,]*)-")
_OTHERS = re.compile(r"[^\x20-\x25\x27-\x7e]+")


def encode_utf7(text: str) -> bytes:
    """Return the name in modified UTF-7.

    >>> encode_utf7("Entwürfe & Co")
    b'Entw&APw-rfe &- Co'
    """
    if text.isascii() and text.isprintable() and "&" not in text:
        return text.encode("ascii")
    return _OTHERS.sub(_shift, text).encode("ascii")


def decode_utf7(name: bytes) -> str:
    """Return the name as Unicode. Raises ValueError for what is not modified UTF-7, also for forms
    that RFC 3501 forbids: two names must not mean one mailbox.

    >>> decode_utf7(b"Entw&APw-rfe &- Co")
    'Entwürfe & Co'
    """
    if _PLAIN.fullmatch(name):
        return name.decode("ascii")
    texts = []
    at = 0
    while at < len(name):
        if plain := _PLAIN.match(name, at)[0]:  # type: ignore[index]  # it matches the empty text
            texts.append(plain.decode("ascii"))
            at += len(plain)
            continue
        shifted = _SHIFTED.match(name, at)
        if not shifted:
            raise ValueError("no modified UTF-7")
        texts.append(_unshift(shifted[1]))
        at = shifted.end()
    text = "".join(texts)
    if encode_utf7(text) != name:  # ASCII in base64, or bits left over
        raise ValueError("modified UTF-7 in a form that is forbidden")
    return text


def _shift(found: re.Match[str]) -> str:
    """Encode a run of characters. `&` alone is `&-`; with others it is part of their base64."""
    texts = []
    for text in re.split("(&)", found[0]):
        if text == "&":
            texts.append("&-")
        elif text:
            encoded = base64.b64encode(text.encode("utf-16-be", "surrogatepass"), b"+,")
            texts.append(f"&{encoded.rstrip(b'=').decode()}-")
    return "".join(texts)


def _unshift(text: bytes) -> str:
    if not text:
        return "&"
    try:
        octets = base64.b64decode(text + b"=" * (-len(text) % 4), b"+,", validate=True)
        return octets.decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError("no modified UTF-7") from error

"""Hashes of the body in canonical form, block by block (RFC 6376 §3.4.3, §3.4.4, §3.7).

The body may be cut anywhere. At the end of a block, what the next block may still change is held
back: blanks that may be the end of a line, a CR, and empty lines, which count only if other lines
follow. Empty lines are counted and not kept, so that the memory is bounded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from mailhost.dkim.canonical import Canonicalization, collapse
from mailhost.message.content import Content

LARGEST_AT_ONCE = 1 << 16  # octets of a message that is hashed by the reactor
_CRLF = b"\r\n"
_MOST_AT_ONCE = 1 << 14  # empty lines that are hashed in one piece

BodyForm: TypeAlias = tuple[Canonicalization, "int | None"]
"""A canonicalisation, and the number of octets of the canonical body that are hashed (`l=`); all
of them for None."""


@dataclass(frozen=True, slots=True)
class BodyHash:
    """A SHA-256 digest. `whole` is false for a body that is shorter than `l=` says, so that the
    signature is invalid (RFC 6376 §3.5), `more` is true for one that is longer."""

    digest: bytes
    whole: bool = True
    more: bool = False


class CanonicalBody:
    """Returns the pieces of a body in canonical form."""

    def __init__(self, form: Canonicalization) -> None:
        self._relaxed = form is Canonicalization.RELAXED
        self._rest = b""  # the end of the last block
        self._empty_lines = 0
        self._begun = False

    def add(self, block: bytes) -> Iterator[bytes]:
        """Yield the canonical octets that are certain after this block."""
        data = self._rest + block if self._rest else block
        end = len(data) - data.endswith(b"\r")
        self._rest = data[end:]
        data = data[:end]
        if self._relaxed:
            if data.endswith((b" ", b"\t")):
                data = data.rstrip(b" \t")
                self._rest = b" " + self._rest
            data = _relaxed(data)
        yield from self._lines(data)

    def finish(self) -> Iterator[bytes]:
        """Yield the end of the body: exactly one CRLF, or nothing for an empty relaxed body."""
        rest = self._rest.lstrip(b" ") if self._relaxed else self._rest
        if rest:
            yield from self._lines(rest)
        if self._begun or not self._relaxed:
            yield _CRLF

    def _lines(self, data: bytes) -> Iterator[bytes]:
        more = _empty_lines_at_end(data)
        end = len(data) - 2 * more
        if not end:
            self._empty_lines += more
            return
        while self._empty_lines:
            number = min(self._empty_lines, _MOST_AT_ONCE)
            self._empty_lines -= number
            yield _CRLF * number
        self._empty_lines = more
        self._begun = True
        yield data[:end] if more else data


def _empty_lines_at_end(data: bytes) -> int:
    """Return the number of CRLFs at the end."""
    at = len(data.rstrip(_CRLF))
    number, odd = divmod(len(data) - at, 2)
    if not odd and data.endswith(_CRLF * number):  # no CR or LF is alone there
        return number
    end = len(data)
    while end > at and data.endswith(_CRLF, at, end):
        end -= 2
    return (len(data) - end) // 2


def _relaxed(data: bytes) -> bytes:
    """Return lines without blanks at their ends, with one space for each other run of blanks."""
    if b" " not in data and b"\t" not in data:  # base64
        return data
    data = collapse(data)
    return data.replace(b" \r\n", _CRLF) if b" \r\n" in data else data


class BodyHashes:
    """SHA-256 over a body in each of `forms`. Bodies in the same canonicalisation are made once."""

    def __init__(self, forms: Iterable[BodyForm]) -> None:
        self._hashes = {form: hashlib.sha256() for form in forms}
        self._left = {form: form[1] for form in self._hashes}
        self._more = set[BodyForm]()
        self._bodies = {form[0]: CanonicalBody(form[0]) for form in self._hashes}

    def add(self, block: bytes) -> None:
        """Add the next octets of the body."""
        for canonicalization, body in self._bodies.items():
            for piece in body.add(block):
                self._update(canonicalization, piece)

    def finish(self) -> dict[BodyForm, BodyHash]:
        """Return the hash for each form."""
        for canonicalization, body in self._bodies.items():
            for piece in body.finish():
                self._update(canonicalization, piece)
        return {
            form: BodyHash(hashed.digest(), self._left[form] in (None, 0), form in self._more)
            for form, hashed in self._hashes.items()
        }

    def _update(self, canonicalization: Canonicalization, piece: bytes) -> None:
        for form, hashed in self._hashes.items():
            if form[0] is not canonicalization:
                continue
            left = self._left[form]
            if left is None:
                hashed.update(piece)
                continue
            if left:
                hashed.update(piece[:left])
                self._left[form] = max(0, left - len(piece))
            if left < len(piece):
                self._more.add(form)


def is_hashed_at_once(content: Content) -> bool:
    """True for a message that is hashed by the reactor: that takes less than a switch to a thread
    and back. Larger ones, and those on the disk, are left to threads."""
    return content.in_memory and content.size <= LARGEST_AT_ONCE


def hash_body(
    content: Content, header: bytes, forms: Iterable[BodyForm]
) -> dict[BodyForm, BodyHash]:
    """Return the hashes of the body of `content`, which has this header section.

    To be called in a thread for a large message, or one in a file. Raises OSError.
    """
    hashes = BodyHashes(forms)
    for chunk in content.slice(len(header) + len(_CRLF), content.size).chunks():
        hashes.add(chunk)
    return hashes.finish()

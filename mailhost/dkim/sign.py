"""DKIM-Signature fields for mail in our name: relaxed/relaxed (RFC 6376 §5).

A field that is listed once more than it appears in the message cannot be added later without
breaking the signature (RFC 6376 §8.15). So the fields that mail programs show, and those that say
how the body is read, are signed in this way, whether they are there or not.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from mailhost.dkim.body import BodyForm, BodyHash
from mailhost.dkim.canonical import Canonicalization
from mailhost.dkim.field_text import as_field, folded, with_signature, wrapped
from mailhost.dkim.keys import SigningKey
from mailhost.dkim.signed_header import SignedHeader, without_signature

OVERSIGNED = (
    b"from",
    b"reply-to",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
# signed where they are present (RFC 6376 §5.4.1, RFC 8058 §4)
SIGNED = (
    b"sender",
    b"in-reply-to",
    b"references",
    b"resent-from",
    b"resent-to",
    b"resent-cc",
    b"resent-date",
    b"resent-message-id",
    b"list-id",
    b"list-help",
    b"list-subscribe",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-post",
    b"list-owner",
    b"list-archive",
    b"content-id",
    b"content-description",
    b"content-disposition",
)
MOST_OF_A_NAME = 5  # fields of one name that are signed, so that other hosts read the whole list
MOST_NAMES = 90  # in h=; other hosts, as this one, may refuse more than 100
BODY_FORM: BodyForm = (Canonicalization.RELAXED, None)


class NotSigned(ValueError):
    """A message that cannot be signed so that others accept it; the text of the exception says
    why."""


@dataclass(frozen=True, slots=True)
class Signer:
    """By which key a domain signs. `domain` is in A-labels. With `validity`, a signature expires
    after as many seconds."""

    domain: str
    selector: str
    key: SigningKey
    validity: int | None = None


def sign(header: bytes, body: BodyHash, signers: Sequence[Signer], now: float) -> bytes:
    """Return a DKIM-Signature field for each signer, to be put in front of the message.

    `body` is the hash of the body in BODY_FORM, `now` is in seconds since 1970. Takes as long as
    the keys need: 0.5 ms for RSA of 2048 bits. Raises NotSigned.
    """
    signed = SignedHeader(header)
    if not signed.whole:
        raise NotSigned("the header section is too long")
    if signed.count(b"from") != 1:
        raise NotSigned("the message has not exactly one From field")
    names = signed_names(signed)
    fields = signed.hashed(names, Canonicalization.RELAXED)
    return b"".join(_sign_by(each, fields, names, body, int(now)) for each in signers)


def signed_names(signed: SignedHeader) -> list[bytes]:
    """Return the names of the fields that are signed, as `h=` has them; MOST_NAMES at most."""
    return list(islice(_all_names(signed), MOST_NAMES))


def _all_names(signed: SignedHeader) -> Iterator[bytes]:
    for name in OVERSIGNED:
        yield from [name] * min(signed.count(name) + 1, MOST_OF_A_NAME)
    for name in SIGNED:
        yield from [name] * min(signed.count(name), MOST_OF_A_NAME)


def _sign_by(
    signer: Signer, fields: hashlib._Hash, names: Sequence[bytes], body: BodyHash, now: int
) -> bytes:
    unsigned = field_without_signature("DKIM-Signature: v=1;", signer, names, body, now)
    hashed = fields.copy()
    hashed.update(without_signature(as_field(unsigned), unsigned, Canonicalization.RELAXED))
    return with_signature(unsigned, signer.key.sign(hashed.digest()))


def field_without_signature(
    beginning: str, signer: Signer, names: Sequence[bytes], body: BodyHash, now: int
) -> bytes:
    """Return a field that begins so, with all tags of a signature and an empty `b=` at its end."""
    times = f"t={now};" if signer.validity is None else f"t={now}; x={now + signer.validity};"
    lines = [
        f"{beginning} a={signer.key.algorithm}; c=relaxed/relaxed;",
        *wrapped(f"d={signer.domain}; s={signer.selector}; {times}".split(" "), " "),
        *_lines_of_names(tuple(names)),
        f"bh={base64.b64encode(body.digest).decode()};",
        "b=",
    ]
    return folded(lines)


@lru_cache(maxsize=100)
def _lines_of_names(names: tuple[bytes, ...]) -> tuple[str, ...]:
    """Return the lines of h=: mail programs write the same fields into most messages."""
    return tuple(wrapped(f"h={':'.join(name.decode() for name in names)};".split(":"), ":"))

"""DKIM-Signature fields as values (RFC 6376 §3.5)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.dkim.body import BodyForm
from mailhost.dkim.canonical import Canonicalization
from mailhost.message.address import BadAddress, parse_domain
from mailhost.message.domains import is_at_or_below
from mailhost.message.header import Field, named
from mailhost.message.tag_list import BadTagList, parse_tags, without_blanks

MOST_SIGNATURES = 10  # of one message that are looked at
MOST_SIGNED_FIELDS = 100  # names in h=
LONGEST_FIELD = 16_384  # octets of a DKIM-Signature field that is read
_NUMBER = re.compile(r"[0-9]{1,12}")
_SELECTOR = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}")


class BadSignature(ValueError):
    """A DKIM-Signature field that cannot be read; the text of the exception says why."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A DKIM-Signature field that can be read.

    `domain` (d=) and `identity_domain` (from i=) are in A-labels and lower case, `names` are the
    signed fields in lower case. `length` is l=, None for the whole body. `signed_at` and `expires`
    are in seconds since 1970.
    """

    field: Field
    algorithm: str
    domain: str
    selector: str
    identity: str
    identity_domain: str
    header_form: Canonicalization
    body_form: BodyForm
    names: tuple[bytes, ...]
    body_hash: bytes
    signature: bytes
    signed_at: int | None
    expires: int | None

    @property
    def length(self) -> int | None:
        """The number of octets of the body that are signed, None for all of them."""
        return self.body_form[1]

    @property
    def beginning(self) -> str:
        """The first eight characters of the signature in base64 (RFC 6008 §4)."""
        return binascii.b2a_base64(self.signature[:6], newline=False).decode()


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A DKIM-Signature field that cannot be used: why, and what it says of its signer."""

    field: Field
    reason: str
    domain: str = ""
    selector: str = ""


def read_signatures(header: bytes) -> list[Signature | Unreadable]:
    """Return the first DKIM-Signature fields of a header section, at most MOST_SIGNATURES."""
    found: list[Signature | Unreadable] = []
    for field in named(header, "DKIM-Signature"):
        try:
            found.append(parse_signature(field))
        except (BadSignature, BadTagList, BadAddress) as bad:
            found.append(Unreadable(field, str(bad)[:200], *_signer(field)))
        if len(found) == MOST_SIGNATURES:
            break
    return found


def parse_signature(field: Field) -> Signature:
    """Read one field. Raises BadSignature, BadTagList, BadAddress."""
    tags = read_tags(field, ("v", "a", "b", "bh", "d", "h", "s"))
    if tags["v"] != "1":
        raise BadSignature(f"the version {ascii(tags['v'])[:20]} is not known")
    if "dns/txt" not in without_blanks(tags.get("q", "dns/txt")).split(":"):
        raise BadSignature("the key is not to be had by dns/txt")
    identity, identity_domain = _identity(tags.get("i"), signing_domain(tags["d"]))
    return signature_of(field, tags, identity, identity_domain)


def read_tags(field: Field, required: Sequence[str]) -> dict[str, str]:
    """Return the tags of a field. Raises BadSignature, BadTagList."""
    if field.end - field.start > LONGEST_FIELD:
        raise BadSignature(f"the field is longer than {LONGEST_FIELD} octets")
    tags = parse_tags(_text(field))
    for name in required:
        if name not in tags:
            raise BadSignature(f"the tag {name} is missing")
    return tags


def signature_of(
    field: Field, tags: dict[str, str], identity: str, identity_domain: str
) -> Signature:
    """Return the signature that the tags describe. Raises BadSignature, BadAddress."""
    header_form, body_canonicalization = parse_canonicalization(tags.get("c", "simple/simple"))
    signed_at, expires = _number(tags, "t"), _number(tags, "x")
    if signed_at is not None and expires is not None and expires <= signed_at:
        raise BadSignature("it expires before it was made")
    return Signature(
        field=field,
        algorithm=tags["a"].lower(),
        domain=signing_domain(tags["d"]),
        selector=parse_selector(tags["s"]),
        identity=identity,
        identity_domain=identity_domain,
        header_form=header_form,
        body_form=(body_canonicalization, _number(tags, "l")),
        names=_signed_fields(tags["h"]),
        body_hash=decode_base64(tags["bh"]),
        signature=decode_base64(tags["b"]),
        signed_at=signed_at,
        expires=expires,
    )


def parse_canonicalization(value: str) -> tuple[Canonicalization, Canonicalization]:
    """Return the forms of header and body (c=); that of the body is simple if it is not given.
    Raises BadSignature."""
    header, _, body = without_blanks(value).lower().partition("/")
    try:
        return Canonicalization(header), Canonicalization(body or "simple")
    except ValueError as bad:
        raise BadSignature(f"the canonicalisation {ascii(value)[:40]} is not known") from bad


def decode_base64(value: str) -> bytes:
    """Return the octets of a base64 value with blanks in it. Raises BadSignature."""
    try:
        return binascii.a2b_base64(without_blanks(value), strict_mode=True)
    except ValueError as bad:  # binascii.Error, and a character outside ASCII
        raise BadSignature(f"{ascii(value)[:40]} is no base64") from bad


def _text(field: Field) -> str:
    return field.value.decode("utf-8", "replace").replace("\r\n", "")


def signing_domain(value: str) -> str:
    """Return the domain of d= in A-labels. Raises BadSignature, BadAddress."""
    domain = parse_domain(value)
    if domain.startswith("["):
        raise BadSignature("an address literal is no domain that signs")
    return domain


def parse_selector(value: str) -> str:
    """Return the selector of s= in lower case. Raises BadSignature."""
    if not _SELECTOR.fullmatch(value):
        raise BadSignature(f"{ascii(value)[:60]} is no selector")
    return value.lower()


def _identity(value: str | None, domain: str) -> tuple[str, str]:
    """Return i= and its domain, which is `domain` or below it (RFC 6376 §3.5)."""
    if value is None:
        return f"@{domain}", domain
    identity_domain = signing_domain(value.rpartition("@")[2])
    if "@" not in value or not is_at_or_below(identity_domain, domain):
        raise BadSignature("the domain of i= is not below that of d=")
    return value, identity_domain


def _number(tags: dict[str, str], name: str) -> int | None:
    value = tags.get(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value):
        raise BadSignature(f"the tag {name} is no number")
    return int(value)


def _signed_fields(value: str) -> tuple[bytes, ...]:
    names = without_blanks(value).lower().encode().split(b":")
    if len(names) > MOST_SIGNED_FIELDS:
        raise BadSignature(f"more than {MOST_SIGNED_FIELDS} fields are signed")
    if b"from" not in names:
        raise BadSignature("the From field is not signed")
    return tuple(names)


def _signer(field: Field) -> tuple[str, str]:
    """Return d= and s= of a field with a fault, empty where they cannot be read either."""
    try:
        tags = parse_tags(_text(field)[:LONGEST_FIELD])
        return signing_domain(tags["d"]), parse_selector(tags["s"])
    except (BadSignature, BadTagList, BadAddress, KeyError):
        return "", ""

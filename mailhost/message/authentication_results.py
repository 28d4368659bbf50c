"""The Authentication-Results field: ours written, others in our name removed (RFC 8601).

Programs behind this host believe a field that has its name in it. So a field that arrives with that
name is removed, in any spelling of it, and also a field with a fault in which the name appears
somewhere, since another program may read that field in its own way. The time for a hostile header
section is bounded: fields above the bounds are removed whatever they say.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from mailhost.message.address import BadAddress, parse_domain
from mailhost.message.content import Content
from mailhost.message.header import Field, has_field, named, without_fields
from mailhost.message.mime.edits import Edit, apply

NAME = "Authentication-Results"
# properties of the result of DMARC: what is done with the message, and what the settings say to do
APPLIED = "policy.applied-disposition"
EVALUATED = "policy.evaluated-disposition"
LONGEST_VALUE = 300  # characters of a value or reason that are written
MOST_FIELDS = 50  # that a message from elsewhere may have; of more, none is kept
LONGEST_FIELD = 1 << 14  # octets of a field from elsewhere that is kept
_MOST_PARENTHESES = 50  # of the comments around the name of a host
_JUNK = re.compile(rf"[\s;]{re.escape(APPLIED)}=quarantine(?![^\s;])")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")
_TOKEN = re.compile(r"[^\x00-\x20\x7f()<>@,;:\\\"/\[\]?=]+")  # RFC 2045 §5.1
_LOCAL = r"[^\x00-\x20\x7f()<>@,;:\\\"\[\]]+"
_BARE = re.compile(rf"{_TOKEN.pattern}|(?:{_LOCAL})?@{_TOKEN.pattern}")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_IN_COMMENT = re.compile(r"(?:[^()\\]|\\.)*([()])", re.DOTALL)
_SPACES = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class MethodResult:
    """One result: `dkim=fail reason="..." header.d=a.example`. `properties` are pairs such as
    `("header.d", "a.example")`; those without a value are left out."""

    method: str
    result: str
    properties: Sequence[tuple[str, str]] = ()
    reason: str = ""


def results_field(host: str, results: Sequence[MethodResult]) -> bytes:
    """Return the field of this host, with a line for each result (RFC 8601 §2.2)."""
    lines = [_line(result) for result in results] or ["none"]
    return (";\r\n\t".join([f"{NAME}: {host}", *lines]) + "\r\n").encode()


def _line(result: MethodResult) -> str:
    parts = [f"{result.method}={result.result}"]
    if result.reason:
        parts.append(f"reason={_quoted(_clean(result.reason))}")
    parts += [f"{name}={_value(value)}" for name, value in result.properties if value]
    return "\r\n\t ".join(_wrapped(parts))


def _wrapped(parts: Sequence[str]) -> Iterator[str]:
    """Yield lines with as many parts as fit."""
    line = parts[0]
    for part in parts[1:]:
        if len(line) + len(part) > 74:
            yield line
            line = part
        else:
            line += f" {part}"
    yield line


def _value(value: str) -> str:
    clean = _clean(value)
    return clean if _BARE.fullmatch(clean) else _quoted(clean)


def _clean(value: str) -> str:
    return _CONTROLS.sub(" ", value)[:LONGEST_VALUE]


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def without_results_of(header: bytes, hosts: Collection[str]) -> bytes:
    """Return a header section without the Authentication-Results fields in the name of one of
    `hosts`, which are in lower case, and without those above the bounds. Takes less than 5 ms."""
    found = list(islice(named(header, NAME), MOST_FIELDS + 1))
    if len(found) > MOST_FIELDS:
        return without_fields(header, NAME)
    forged = [
        field
        for field in found
        if field.end - field.start > LONGEST_FIELD or is_in_name_of(field, hosts)
    ]
    return apply(header, [Edit(field.start, field.end, b"") for field in forged])


def without_forged(content: Content, header: bytes, host: str) -> tuple[Content, bytes]:
    """Return a message, and its header section `header`, without fields in the name of `host`.
    Most messages have none, and are returned as they are."""
    if not has_field(header, NAME):
        return content, header
    left = without_results_of(header, (host.lower(),))
    if len(left) == len(header):
        return content, header
    rest = content.slice(len(header), content.size)
    return Content((left, *rest.pieces)).with_known_header(left), left


def is_junk(header: bytes, host: str) -> bool:
    """True where a field of `host` says that the message goes to the Junk folder. Quoted strings
    may have texts of the sender in them, such as the address in MAIL FROM, so they are left out."""
    texts = (_QUOTED.sub('""', each.text) for each in own_fields(header, host))
    return any(map(_JUNK.search, texts))


def own_fields(header: bytes, host: str) -> list[Field]:
    """Return the fields of `host`. A milter may have added one in the same name."""
    name = host.lower()
    return [each for each in named(header, NAME) if authserv_id(each.text) == name]


def result_in(field: Field, method: str) -> str:
    """Return the first result for a method in a field that `results_field` made, empty for none."""
    match = re.search(rb"\n\t%b=([a-z]+)" % method.encode(), field.value)
    return match[1].decode() if match else ""


def is_in_name_of(field: Field, hosts: Collection[str]) -> bool:
    """True for a field that says that it was written by one of `hosts`."""
    text = field.text
    identity = authserv_id(text)
    if identity is None:
        plain = text.lower().replace("\\", "")
        return any(host in plain for host in hosts)
    return _in_a_labels(identity.lower().rstrip(".")) in hosts


def _in_a_labels(name: str) -> str:
    if name.isascii():
        return name
    try:
        return parse_domain(name)
    except BadAddress:
        return name


def authserv_id(text: str) -> str | None:
    """Return the name of the host that wrote a field (RFC 8601 §2.2), None for a value in which it
    cannot be found, or not without reading many comments."""
    at = _after_blanks(text, 0)
    if at is None:
        return None
    quoted = _QUOTED.match(text, at)
    if quoted is not None:
        return _ESCAPED.sub(r"\1", quoted[1])
    token = _TOKEN.match(text, at)
    if token is None:
        return None
    after = _after_blanks(text, token.end())
    if after is None or (after == token.end() and text[after : after + 1] not in ("", ";")):
        return None
    return token[0]


def _after_blanks(text: str, at: int) -> int | None:
    """Return the place after blanks and comments, None for a comment without end, and for many
    comments."""
    depth = 0
    for _ in range(_MOST_PARENTHESES):
        if not depth:
            at = _after_spaces(text, at)
            if text[at : at + 1] != "(":
                return at
        match = _IN_COMMENT.match(text, at)
        if match is None:
            return None
        depth += 1 if match[1] == "(" else -1
        at = match.end()
    return None


def _after_spaces(text: str, at: int) -> int:
    match = _SPACES.match(text, at)
    return match.end() if match else at

"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).

Read as patiently as mail programs read them: unquoted file names with blanks, encoded words inside
quotes (RFC 2047 §5 forbids it, many send it), a quoted string without its end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from mailhost.message.mime.words import decode_text, decode_words

# a value is cut at semicolons that are not in a quoted string
_TOKEN = re.compile(rb'[^;"]+|"[^"\\]*(?:\\.[^"\\]*)*"?|;|\\', re.DOTALL)
_QUOTED = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)', re.DOTALL)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_COMMENT = re.compile(rb"[ \t]+\([^()]*\)$")
_WORD = re.compile(r"\s*([^\s(]*)")
_NAME = re.compile(r"([^*]+)(?:\*([0-9]{1,6}))?(\*?)")
_TOKEN_TEXT = re.compile(r"[A-Za-z0-9!#$%&+.^_`{|}~-]+")  # RFC 2045 §5.1, without '*'s
_QUOTABLE = re.compile(r"[ !#-\[\]-~]{0,60}")  # many readers do not know backslashes
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_LONGEST = 60  # octets of one section of a long parameter


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as it was meant: its name in lower case, its octets, its text."""

    name: str
    octets: bytes
    text: str


@dataclass(frozen=True, slots=True)
class Value:
    """What stands before the parameters, in lower case, and the parameters.

    `given` has all of them, also those that are given twice; those of RFC 2231 come first.
    """

    main: str
    given: tuple[Parameter, ...] = ()

    @property
    def parameters(self) -> Mapping[str, str]:
        """One text for each name: where there are several, the first that was given."""
        return {each.name: each.text for each in reversed(self.given)}

    def texts(self, name: str) -> list[str]:
        """All that was given by that name."""
        return [each.text for each in self.given if each.name == name]


@dataclass(frozen=True, slots=True)
class _Section:
    """One written parameter: a whole one, or a section of one (RFC 2231 §3)."""

    name: str
    index: int | None
    extended: bool
    octets: bytes


def parse_value(value: bytes) -> Value:
    """Read a field's raw value, folds and all. Never raises."""
    main, *others = _segments(re.sub(rb"\r?\n", b"", value))
    sections = [section for each in others if (section := _section(each)) is not None]
    given = (*_in_sections(sections), *_in_one(sections))
    return Value(_WORD.match(main.decode("latin-1"))[1].lower(), given)  # type: ignore[index]


def with_parameter(value: bytes, name: str, text: str) -> bytes:
    """Return a raw value with one parameter set; the others keep their octets, folds and all.

    It is put in front of them: one may have a quoted string without its end.
    """
    main, *others = _segments(value)
    kept = [each for each in others if not _is_named(each, name)]
    written = list(_written(name, text))
    whole = b";".join([main.rstrip(), *written, *kept])
    if parse_value(whole).texts(name):
        return whole
    return b";".join([main.split(b'"')[0].rstrip(), *written])


def _segments(value: bytes) -> list[bytes]:
    """Cut at the semicolons; joined with them again this is the value."""
    segments, current = list[bytes](), list[bytes]()
    for token in _TOKEN.findall(value):
        if token == b";":
            segments.append(b"".join(current))
            current = []
        else:
            current.append(token)
    return [*segments, b"".join(current)]


def _section(segment: bytes) -> _Section | None:
    name, equals, octets = segment.partition(b"=")
    match = _NAME.fullmatch(name.decode("latin-1").strip().lower())
    if not equals or match is None:
        return None
    index = int(match[2]) if match[2] else None
    return _Section(match[1], index, bool(match[3]), _unquoted(octets.strip()))


def _is_named(segment: bytes, name: str) -> bool:
    section = _section(segment)
    return section is not None and section.name == name


def _unquoted(octets: bytes) -> bytes:
    match = _QUOTED.match(octets)
    if match is not None:
        return _PAIR.sub(rb"\1", match[1])
    return _COMMENT.sub(b"", octets)


def _in_sections(sections: list[_Section]) -> Iterator[Parameter]:
    """The extended parameters, and those in several sections, put together (RFC 2231 §3, §4)."""
    found = dict[str, list[_Section]]()
    for section in sections:
        if section.index is not None:
            found.setdefault(section.name, []).append(section)
        elif section.extended:
            yield _extended([section])
    for together in found.values():
        yield _extended(sorted(together, key=lambda section: section.index or 0))


def _in_one(sections: list[_Section]) -> Iterator[Parameter]:
    for section in sections:
        if section.index is None and not section.extended:
            text = decode_words(_plain(section.octets))
            yield Parameter(section.name, section.octets, text)


def _plain(octets: bytes) -> str:
    """Octets above 127 have no charset here: UTF-8 where it is that, otherwise Latin-1."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _extended(sections: list[_Section]) -> Parameter:
    first = sections[0]
    charset, octets = "", first.octets
    if first.extended and octets.count(b"'") >= 2:
        name, _, octets = octets.split(b"'", 2)
        charset = name.decode("latin-1")
    rest = ((section.extended, section.octets) for section in sections[1:])
    whole = b"".join(
        unquote_to_bytes(each) if extended else each
        for extended, each in ((first.extended, octets), *rest)
    )
    return Parameter(first.name, whole, decode_text(whole, charset) if charset else _plain(whole))


def _written(name: str, text: str) -> Iterator[bytes]:
    """The segments of a parameter, folded where they are long (RFC 2231 §3)."""
    text = _CONTROLS.sub(" ", text)
    if _TOKEN_TEXT.fullmatch(text) and len(text) <= _LONGEST:
        yield f" {name}={text}".encode("ascii")
    elif _QUOTABLE.fullmatch(text) and "=?" not in text:
        yield f'\r\n\t{name}="{text}"'.encode("ascii")
    else:
        sections = list(_cut(text))
        for index, section in enumerate(sections):
            number = f"*{index}" if len(sections) > 1 else ""
            charset = "" if index else "utf-8''"
            yield f"\r\n\t{name}{number}*={charset}{section}".encode("ascii")


def _cut(text: str) -> Iterator[str]:
    """Percent-encode, and cut between characters."""
    section = ""
    for character in text:
        encoded = quote(character, safe="")
        if len(section) + len(encoded) > _LONGEST:
            yield section
            section = ""
        section += encoded
    yield section

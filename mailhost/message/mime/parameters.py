"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231).

Values are read as leniently as mail programs read them: unquoted file names with blanks, encoded
words inside quoted strings (forbidden by RFC 2047 §5, but common), a quoted string without its end.
Where programs read a parameter in different ways (comments, text behind a quoted string, percent
signs ...), `Value.given` has it several times, once for each reading, the usual reading first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from urllib.parse import quote, unquote_to_bytes

from mailhost.message.mime.encoded_words import decode_text, decode_words

# a value is cut at semicolons that are not in a quoted string
_TOKEN = re.compile(rb'[^;"]+|"[^"\\]*(?:\\.[^"\\]*)*"?|;|\\', re.DOTALL)
_QUOTED = re.compile(rb'"([^"\\]*(?:\\.[^"\\]*)*)', re.DOTALL)
_QUOTED_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_FILE_NAME = re.compile(
    rb'[\s,]((?:file)?name\*?[ \t]*=[ \t]*(?:"[^"]*"?|[^\s,"]+))', re.IGNORECASE
)
_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_PIECE = re.compile(rb'[^"()\\]+|\\.|"[^"\\]*(?:\\.[^"\\]*)*"?|.', re.DOTALL)
_PIECE_OF_COMMENT = re.compile(rb"(?:[^()\\]|\\.)+|.", re.DOTALL)
_FIRST_WORD = re.compile(rb"[^ \t(]*")
_WORD = re.compile(r"\s*([^\s(]*)")
_FIRST_OF_MAIN = re.compile(rb'\s*[^\s,="]*')
_NOT_IN_TYPE = re.compile(r'[\s"]+')
_NAME = re.compile(r"([^*]+)(?:\*([0-9]{1,6}))?(\*?)")
# a token of RFC 2045 §5.1, without characters that some programs do not accept in it
_TOKEN_TEXT = re.compile(r"[A-Za-z0-9!#$&+.^_`{|}~-]+")
_QUOTABLE = re.compile(r"[ !#$&-\[\]-~]{0,60}")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]+")
_LONGEST_SECTION = 60  # octets of a section of a long parameter that is written
_MOST_PARAMETERS = 200  # parameters of a value that are read


@dataclass(frozen=True, slots=True)
class Parameter:
    """One reading of a parameter: its name in lower case, its octets, its decoded text.

    `extended`: it is written in the form of RFC 2231, which some programs do not know.
    """

    name: str
    octets: bytes
    text: str
    extended: bool = False


@dataclass(frozen=True, slots=True)
class Value:
    """A value (`main`, in lower case) and its parameters.

    `given` has all readings of all parameters, also of those that are given twice; those of RFC
    2231 come first. `loose` is `main` as programs read it that remove comments, blanks and quotes.
    `doubtful`: sections of a parameter are missing or given twice, so that programs join different
    texts; or the value has more parameters than were read. `commented`: the value has comments,
    which some programs do not remove.
    """

    main: str
    given: tuple[Parameter, ...] = ()
    loose: str = ""
    doubtful: bool = False
    commented: bool = False

    @property
    def parameters(self) -> Mapping[str, str]:
        """The text of each parameter: its first reading."""
        return {each.name: each.text for each in reversed(self.given)}

    def texts(self, name: str) -> list[str]:
        """Return the texts of all readings of the parameter with that name."""
        return [each.text for each in self.given if each.name == name]


@dataclass(frozen=True, slots=True)
class _Section:
    """A parameter as it is written: a whole one, or a section of one (RFC 2231 §3).

    `index` is the number of the section, None for a whole parameter. `others` are the octets that
    other programs read.
    """

    name: str
    index: int | None
    extended: bool
    octets: bytes
    others: tuple[bytes, ...] = ()


def parse_value(value: bytes) -> Value:
    """Return the value and parameters of a raw, perhaps folded field value. Never raises."""
    value = re.sub(rb"\r?\n", b"", value)
    main, *others = _segments(value)
    sections = _sections(others[:_MOST_PARAMETERS])
    given = [*_in_sections(sections), *_in_one(sections)]
    bare = _without_comments(value) if b"(" in value else value
    if bare != value:
        given += _in_one(_sections(_segments(bare)[1 : _MOST_PARAMETERS + 1]))
    if _has_open_quote(others):
        pieces = value.replace(b'"', b"").split(b";")
        given += _in_one(_sections(pieces[1 : _MOST_PARAMETERS + 1]))
    found = _sections(islice(_without_semicolon(bare), _MOST_PARAMETERS))
    given += [*_in_sections(found), *_in_one(found)]
    loose = _NOT_IN_TYPE.sub("", bare.partition(b";")[0].decode("latin-1")).lower()
    word = _WORD.match(main.decode("latin-1"))[1].lower()  # type: ignore[index]
    doubtful = len(others) > _MOST_PARAMETERS or _is_doubtful(sections)
    return Value(word, tuple(dict.fromkeys(given)), loose, doubtful, bare != value)


def _without_semicolon(value: bytes) -> Iterator[bytes]:
    """Yield the parameters for file names that have no semicolon in front, such as in `attachment
    filename=a` or `filename=a`."""
    first, *others = _segments(value)
    for segment in (first, *(each.partition(b"=")[2] for each in others)):
        if b"=" in segment:
            quoted = _QUOTED_TEXT.sub(b'""', segment) if segment is not first else segment
            yield from (match[1] for match in _FILE_NAME.finditer(b" " + quoted))


def _has_open_quote(segments: list[bytes]) -> bool:
    """True where a quoted string has no end. Such a string is in the last segment."""
    tokens = _TOKEN.findall(segments[-1]) if segments else [b""]
    last: bytes = tokens[-1] if tokens else b""
    return last.startswith(b'"') and (len(last) == 1 or _QUOTED.match(last)[0] == last)  # type: ignore[index]


def _without_comments(value: bytes) -> bytes:
    """Return the value without comments, also nested ones (RFC 822 §3.4.3). A comment without its
    end extends to the end of the value."""
    pieces, at, depth = list[bytes](), 0, 0
    while at < len(value):
        match = (_PIECE_OF_COMMENT if depth else _PIECE).match(value, at)
        assert match is not None
        at = match.end()
        if match[0] == b"(":
            depth += 1
        elif depth:
            depth -= match[0] == b")"
        else:
            pieces.append(match[0])
    return b"".join(pieces)


def _is_doubtful(sections: list[_Section]) -> bool:
    indices = dict[str, list[int]]()
    for section in sections:
        if section.index is not None:
            indices.setdefault(section.name, []).append(section.index)
    return any(sorted(each) != list(range(len(each))) for each in indices.values())


def with_parameter(value: bytes, name: str, text: str) -> bytes:
    """Return a raw value with one parameter set. The other parameters keep their octets and folds.

    The parameter is put in front of the others, since the last one may have a quoted string without
    its end.
    """
    main, *others = _segments(value)
    kept = [each for each in others if not _is_named(each, name)]
    written = list(_written(name, text))
    whole = b";".join([main.rstrip(), *written, *kept])
    if main.count(b'"') % 2 == 0 and len(parse_value(whole).texts(name)) == 1:
        return whole
    word = _FIRST_OF_MAIN.match(main)[0]  # type: ignore[index]
    return b";".join([word, *written])


def _segments(value: bytes) -> list[bytes]:
    """Return the segments between the semicolons outside of quoted strings."""
    segments, current = list[bytes](), list[bytes]()
    for token in _TOKEN.findall(value):
        if token == b";":
            segments.append(b"".join(current))
            current = []
        else:
            current.append(token)
    return [*segments, b"".join(current)]


def _sections(segments: Iterable[bytes]) -> list[_Section]:
    return [section for each in segments if (section := _section(each)) is not None]


def _section(segment: bytes) -> _Section | None:
    name, equals, octets = segment.partition(b"=")
    match = _NAME.fullmatch(name.decode("latin-1").strip().lower())
    if not equals or match is None:
        return None
    index = int(match[2]) if match[2] else None
    if index is not None and str(index) != match[2]:
        index = -1  # such as "01", which some programs do not read as 1
    first, *others = dict.fromkeys(_readings(octets.strip()))
    return _Section(match[1], index, bool(match[3]), first, tuple(others))


def _is_named(segment: bytes, name: str) -> bool:
    section = _section(segment)
    return section is not None and section.name == name


def _readings(octets: bytes) -> Iterator[bytes]:
    """Yield the readings that programs have of a written value, the usual reading first."""
    match = _QUOTED.match(octets)
    if match is None:
        yield _without_last_comment(octets)
        yield _FIRST_WORD.match(octets)[0]  # type: ignore[index]
        yield octets
        return
    yield _PAIR.sub(rb"\1", match[1])
    yield match[1]
    if octets[match.end() :] != b'"':
        yield octets.replace(b'"', b"")
        yield octets


def _without_last_comment(octets: bytes) -> bytes:
    """Return the octets without a comment at the end. Without a blank in front it is no comment:
    "a(1)" may be the name of a file."""
    at = octets.rfind(b"(")
    before = octets[:at].rstrip(b" \t") if at >= 0 else octets
    is_comment = octets.find(b")", at) == len(octets) - 1 and len(before) < at
    return before if is_comment else octets


def _in_sections(sections: list[_Section]) -> Iterator[Parameter]:
    """Yield the extended parameters, and those in sections, joined (RFC 2231 §3, §4)."""
    found = dict[str, list[_Section]]()
    for section in sections:
        if section.index is not None:
            found.setdefault(section.name, []).append(section)
        elif section.extended:
            yield from _extended([section])
    for together in found.values():
        yield from _extended(sorted(together, key=lambda section: section.index or 0))


def _in_one(sections: list[_Section]) -> Iterator[Parameter]:
    for section in sections:
        if section.index is None and not section.extended:
            for octets in (section.octets, *section.others):
                for text in _texts(octets):
                    yield Parameter(section.name, octets, text)


def _texts(octets: bytes) -> Iterator[str]:
    """Yield the text of the octets, then the texts that other programs read where the octets have
    encoded words or percent signs."""
    text = _plain(octets)
    yield decode_words(text)
    if "=?" in text:
        yield decode_words(text, plainly=True)
    if "%" in text:
        yield _plain(unquote_to_bytes(octets))


def _plain(octets: bytes) -> str:
    """Return the text of octets without a charset: as UTF-8 where valid, otherwise as Latin-1."""
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")


def _extended(sections: list[_Section]) -> Iterator[Parameter]:
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
    text = decode_text(whole, charset) if charset else _plain(whole)
    yield Parameter(first.name, whole, text, extended=True)
    if whole.isascii():  # the text for programs that do not know the charset
        yield Parameter(first.name, whole, whole.decode("ascii"), extended=True)


def _written(name: str, text: str) -> Iterator[bytes]:
    """Yield the segments of a parameter, folded where they are long (RFC 2231 §3)."""
    text = _CONTROLS.sub(" ", text)
    if _TOKEN_TEXT.fullmatch(text) and len(text) <= _LONGEST_SECTION:
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
    """Yield the percent-encoded text in sections, cut between characters."""
    section = ""
    for character in text:
        encoded = quote(character, safe="")
        if len(section) + len(encoded) > _LONGEST_SECTION:
            yield section
            section = ""
        section += encoded
    yield section


def written_parameters(value: bytes) -> list[tuple[str, bytes]]:
    """Return the parameters as they are written, for a reader who decodes them: each name once.

    The sections of a long one are put together (RFC 2231 §3). One that is encoded (RFC 2231 §4)
    keeps its percent signs and the asterisk at the end of its name. Never raises.
    """
    sections = _sections(_segments(re.sub(rb"\r?\n", b"", value))[1 : _MOST_PARAMETERS + 1])
    found = dict[str, list[_Section]]()
    for section in sections:
        found.setdefault(section.name, []).append(section)
    return [_joined(name, together) for name, together in found.items()]


def _joined(name: str, sections: list[_Section]) -> tuple[str, bytes]:
    """The first that is whole counts; where none is, the sections in the order of their numbers."""
    whole = [section for section in sections if section.index is None]
    chosen = whole[:1] or sorted(sections, key=lambda section: section.index or 0)
    if not any(section.extended for section in chosen):
        return name, b"".join(section.octets for section in chosen)
    octets = [
        section.octets if section.extended else quote(section.octets).encode("ascii")
        for section in chosen
    ]
    start = b"" if chosen[0].extended else b"''"
    return f"{name}*", start + b"".join(octets)

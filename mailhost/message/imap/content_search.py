"""Tells whether a message matches a key of `content_keys`, from as little of it as is enough.

A key is looked at in the header fields that a cache keeps, then in the header, then in the whole
message; each step leaves undecided what it cannot know. Fields come before bodies, whatever the
order of the keys was. No more of a message than `reader.WHOLE` is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from mailhost.message.date import parse_date
from mailhost.message.header import raw_values
from mailhost.message.imap.content_keys import (
    AllOf,
    AnyOf,
    ContentKey,
    FieldContains,
    NoneOf,
    Sent,
    TextContains,
)
from mailhost.message.imap.headers import KEPT
from mailhost.message.imap.part_offsets import BodyPart, read_parts
from mailhost.message.imap.quick_search import QuickSearch
from mailhost.message.imap.reader import Reader, Searchable, octets_of
from mailhost.message.imap.search import (
    HEADER_LIMIT,
    all_texts,
    body_texts,
    decoded_value,
    fold,
    search,
)
from mailhost.message.imap.strings import unfolded

FIRST = 1 << 13  # octets in which most headers end
LARGE = 1 << 17  # octets of a message for which there are pauses
Pause = Callable[[], object]


def is_kept(key: ContentKey) -> bool:
    """True where a part of the key can be decided from the fields that a cache keeps."""
    if isinstance(key, FieldContains):
        return key.name.lower().encode() in KEPT
    if isinstance(key, AllOf | AnyOf):
        return any(map(is_kept, key.keys))
    if isinstance(key, NoneOf):
        return is_kept(key.key)
    return isinstance(key, Sent)


def _has_fields(key: ContentKey) -> bool:
    """True where a part of the key is about a header field."""
    if isinstance(key, AllOf | AnyOf):
        return any(map(_has_fields, key.keys))
    if isinstance(key, NoneOf):
        return _has_fields(key.key)
    return not isinstance(key, TextContains)


class ContentSearch:
    """A key, prepared for many messages. `pause` is called between two slices of a large one, so
    that other threads can go on."""

    def __init__(self, key: ContentKey, pause: Pause = lambda: None) -> None:
        self._node = _node(key)
        self._has_fields = _has_fields(key)
        self._pause = pause

    @property
    def needs_body(self) -> bool:
        """False where the header section is enough."""
        return self._node.cost > _HEADER

    def in_kept(self, head: bytes | None) -> bool | None:
        """Decide by the fields that a cache keeps, None for undecided. `head` is None for a message
        of which it keeps none."""
        return None if head is None else self._node.decide(Known(head, KEPT))

    def in_message(self, reader: Reader) -> bool:
        """Decide by the whole message. Raises OSError."""
        message = Message(reader, self._pause) if self.needs_body else None
        header = _header(reader) if self._has_fields else b""
        found = self._node.decide(Known(header, message=message))
        assert found is not None
        return found


def _header(reader: Reader) -> bytes:
    """The header section, of any message."""
    size = FIRST
    while True:
        beginning = reader.read(0, size)
        end = _header_end(beginning)
        if end or len(beginning) < size or size >= HEADER_LIMIT:
            return beginning[:end] if end else beginning
        size = min(size * 8, HEADER_LIMIT)


def _header_end(octets: bytes) -> int:
    """Behind the empty line, 0 where there is none."""
    if octets.startswith(b"\r\n"):
        return 2
    at = octets.find(b"\r\n\r\n")
    return at + 4 if at >= 0 else 0


class Message:
    """A whole message, parsed when a text cannot be ruled out otherwise."""

    def __init__(self, reader: Reader, pause: Pause) -> None:
        self._reader = reader
        self._pause = pause
        self._octets: Searchable | None = None
        self._root: BodyPart | None = None

    def contains(self, key: TextContains, quick: QuickSearch) -> bool:
        """Look for a text. Raises OSError."""
        if self._octets is None:
            self._octets = octets_of(self._reader)
        octets = self._octets
        certain = quick.look(octets) if isinstance(octets, bytes) else None
        if certain is not None:
            return certain
        if self._root is None:
            self._root = read_parts(octets)
        find = all_texts if key.headers else body_texts
        for found in search(find(self._reader, self._root), key.text):
            if found:
                return True
            if self._reader.size > LARGE:
                self._pause()
        return False


@dataclass(frozen=True, slots=True)
class Known:
    """The part of a message that is known: a header section, whole or with the fields in `names`
    alone, and perhaps all of it."""

    header: bytes
    names: frozenset[bytes] | None = None
    message: Message | None = None


# --- nodes: a key with what is prepared for it ---------------------------------------------------

_FIELD, _HEADER, _BODY = 0, 1, 2  # what has to be read, by its cost


class _Field:
    """FieldContains."""

    cost = _HEADER

    def __init__(self, key: FieldContains) -> None:
        self._name = key.name.lower().encode()
        self._text = key.text
        self._quick = QuickSearch(fold(key.text))
        self.cost = _FIELD if self._name in KEPT else _HEADER

    def decide(self, known: Known) -> bool | None:
        if known.names is not None and self._name not in known.names:
            return None
        if not self._quick.may_be_in_header(known.header):
            return False
        values = filter(self._quick.may_be_in_header, raw_values(known.header, self._name))
        return any(search([[decoded_value(value)] for value in values], self._text))


class _Sent:
    """Sent."""

    cost = _FIELD

    def __init__(self, key: Sent) -> None:
        self._key = key

    def decide(self, known: Known) -> bool | None:
        found = raw_values(known.header, b"date")
        sent = parse_date(unfolded(found[0]).decode("latin-1")) if found else None
        return sent is not None and self._key.when.holds(sent.day, self._key.day)


class _Text:
    """TextContains."""

    cost = _BODY

    def __init__(self, key: TextContains) -> None:
        self._key = key
        self._quick = QuickSearch(fold(key.text))

    def decide(self, known: Known) -> bool | None:
        if not self._key.text:
            return True
        if known.message is None:
            return None
        return known.message.contains(self._key, self._quick)


@dataclass(frozen=True, slots=True)
class _Several:
    """AllOf and AnyOf: `decides` is the answer of one key that decides for all."""

    nodes: Sequence[_Node]
    decides: bool
    cost: int = field(default=_FIELD)

    def decide(self, known: Known) -> bool | None:
        result: bool | None = not self.decides
        for node in self.nodes:
            found = node.decide(known)
            if found is self.decides:
                return found
            if found is None:
                result = None
        return result


@dataclass(frozen=True, slots=True)
class _Not:
    """NoneOf."""

    node: _Node
    cost: int

    def decide(self, known: Known) -> bool | None:
        found = self.node.decide(known)
        return None if found is None else not found


_Node = _Field | _Sent | _Text | _Several | _Not


def _node(key: ContentKey) -> _Node:
    if isinstance(key, FieldContains):
        return _Field(key)
    if isinstance(key, TextContains):
        return _Text(key)
    if isinstance(key, Sent):
        return _Sent(key)
    if isinstance(key, NoneOf):
        node = _node(key.key)
        return _Not(node, node.cost)
    nodes = sorted(map(_node, key.keys), key=lambda node: node.cost)
    return _Several(nodes, isinstance(key, AnyOf), max(node.cost for node in nodes))

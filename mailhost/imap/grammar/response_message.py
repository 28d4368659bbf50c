"""Writes the lines about messages: FETCH, SEARCH, ESEARCH, SORT, THREAD."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailhost.imap.grammar.numbers import write_numbers
from mailhost.imap.grammar.strings import string


def fetch_line(number: int, items: Iterable[bytes]) -> bytes:
    """Return a FETCH line. Each item has its name: `UID 5`, `FLAGS (\\Seen)`.

    message-data = nz-number SP "FETCH" SP "(" msg-att ")"
    """
    return b"* %d FETCH (%b)\r\n" % (number, b" ".join(items))


def flags_lines(
    numbers: Iterable[int],
    flags: Iterable[bytes],
    uids: Iterable[int] | None = None,
    modseqs: Iterable[int] | None = None,
) -> list[bytes]:
    """Return FETCH lines with the flags of many messages, and their UIDs and MODSEQs, if given.

    `flags` are lists in parentheses: the caller keeps one for each combination that it has seen.
    """
    if uids is None and modseqs is None:
        return [b"* %d FETCH (FLAGS %b)\r\n" % line for line in zip(numbers, flags, strict=True)]
    if modseqs is None:
        assert uids is not None
        rows = zip(numbers, uids, flags, strict=True)
        return [b"* %d FETCH (UID %d FLAGS %b)\r\n" % row for row in rows]
    if uids is None:
        changed = zip(numbers, flags, modseqs, strict=True)
        return [b"* %d FETCH (FLAGS %b MODSEQ (%d))\r\n" % row for row in changed]
    full = zip(numbers, uids, flags, modseqs, strict=True)
    return [b"* %d FETCH (UID %d FLAGS %b MODSEQ (%d))\r\n" % row for row in full]


def search_line(
    numbers: Iterable[int], modseq: int | None = None, *, command: bytes = b"SEARCH"
) -> bytes:
    """Return the one line of SEARCH, or of SORT as `command`. With `modseq` it ends in
    `(MODSEQ n)` (RFC 7162 §3.1.5); that is left out where nothing was found."""
    found = write_numbers(numbers)
    last = b" (MODSEQ %d)" % modseq if modseq is not None and found else b""
    return b"* %b%b%b\r\n" % (command, found, last)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The results in an ESEARCH response.

    `all` is a sequence set, b"" where nothing was found; None: not asked.
    """

    least: int | None = None
    most: int | None = None
    all: bytes | None = None
    count: int | None = None
    modseq: int | None = None


def esearch(tag: bytes, uid: bool, result: SearchResult) -> bytes:
    """Return the ESEARCH line.

    esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
    """
    texts = [b"* ESEARCH (TAG %b)" % string(tag)]
    if uid:
        texts.append(b"UID")
    if result.least is not None:
        texts.append(b"MIN %d" % result.least)
    if result.most is not None:
        texts.append(b"MAX %d" % result.most)
    if result.all:
        texts.append(b"ALL " + result.all)
    if result.count is not None:
        texts.append(b"COUNT %d" % result.count)
    if result.modseq is not None:
        texts.append(b"MODSEQ %d" % result.modseq)
    return b" ".join(texts) + b"\r\n"


@dataclass(frozen=True, slots=True)
class ThreadNode:
    """A message with its replies. `number` is None for a parent that is missing."""

    number: int | None
    replies: Sequence[ThreadNode] = ()


def thread_line(threads: Iterable[ThreadNode]) -> bytes:
    """Return the THREAD line (RFC 5256 §4). Threads may be thousands of levels deep.

    thread-list = "(" (thread-members / thread-nested) ")"
    thread-members = nz-number *(SP nz-number) [SP thread-nested];  thread-nested = 2*thread-list
    """
    texts: list[bytes] = []
    todo: list[ThreadNode | bytes] = []
    for thread in threads:
        todo += [b")", thread, b"("]
        while todo:
            _write_next(todo, texts)
    return b"* THREAD%b%b\r\n" % (b" " if texts else b"", b"".join(texts))


def _write_next(todo: list[ThreadNode | bytes], texts: list[bytes]) -> None:
    """Write what is last in `todo`, and put what follows it there."""
    node = todo.pop()
    if isinstance(node, bytes):
        texts.append(node)
        return
    if node.number is not None:
        texts.append(b"%d" % node.number)
    if len(node.replies) == 1:
        if node.number is not None:
            texts.append(b" ")
        todo.append(node.replies[0])
    elif node.replies:
        if node.number is not None:
            texts.append(b" ")
        for reply in reversed(node.replies):
            todo += [b")", reply, b"("]

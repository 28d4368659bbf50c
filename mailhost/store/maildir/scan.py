"""Listing, opening and removing messages of one Maildir. Everything blocks: call it in threads.

Nothing is taken for granted: other tools move messages from new/ to cur/, change their flags and
delete them at any time.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, MutableMapping, Sequence
from contextlib import suppress

from mailhost.interfaces import StoredMessage
from mailhost.message.content import Content, ContentWriter, content_of_file
from mailhost.store.maildir.filename import parse_name, unique_id

PLACES = ("new", "cur")
STALE = 36 * 3600.0  # seconds that a file may stay in tmp/, by the Maildir specification
_SIZE = re.compile(r",S=(\d{1,18})(?=[,:]|$)")
_ARRIVAL = re.compile(r"(\d+)(?:\.M(\d+))?")


def list_messages(path: str, sizes: MutableMapping[str, int]) -> list[StoredMessage]:
    """Return the messages of a Maildir, oldest first. No Maildir yet is an empty one.

    `sizes` remembers wire sizes that had to be counted, by unique name. Raises OSError.
    """
    found: dict[str, StoredMessage] = {}
    for place in PLACES:
        for message in _listed(os.path.join(path, place), sizes):
            found[message.unique] = message  # moved from new/ to cur/ while we looked: once
    return sorted(found.values(), key=_arrival)


def _listed(folder: str, sizes: MutableMapping[str, int]) -> Iterator[StoredMessage]:
    try:
        entries = os.listdir(folder)
    except FileNotFoundError:
        return
    for entry in entries:
        name = parse_name(entry)
        if name is None:
            continue
        path = os.path.join(folder, entry)
        size = name.wire_size
        if size is None:
            size = sizes.get(name.unique)
        if size is None:
            try:
                size = sizes[name.unique] = wire_size(path)
            except FileNotFoundError:
                continue  # gone while we looked
        yield StoredMessage(unique_id(name.unique), path, size, name.flags)


def _arrival(message: StoredMessage) -> tuple[int, int, str]:
    name = os.path.basename(message.path)
    match = _ARRIVAL.match(name)
    return (int(match[1]), int(match[2] or 0), name) if match else (0, 0, name)


def wire_size(path: str) -> int:
    """Count a file's octets as sent: each LF that lacks its CR counts twice. Raises OSError."""
    content = content_of_file(path)
    return content.size + sum(_bare(chunk, before) for chunk, before in _with_last(content))


def _with_last(content: Content) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk with the octet before it."""
    last = b""
    for chunk in content.chunks():
        yield chunk, last
        last = chunk[-1:]


def _bare(chunk: bytes, before: bytes) -> int:
    pairs = chunk.count(b"\r\n") + (before == b"\r" and chunk.startswith(b"\n"))
    return chunk.count(b"\n") - pairs


def open_message(path: str, message: StoredMessage) -> Content:
    """Return a message with CRLF line ends, wherever it is by now. Raises FileNotFoundError."""
    content = _open(path, message)
    if all(not _bare(chunk, before) for chunk, before in _with_last(content)):
        return content
    return _with_crlf(content, os.path.join(path, "tmp"))


def _open(path: str, message: StoredMessage) -> Content:
    try:
        return content_of_file(message.path)
    except FileNotFoundError:
        return content_of_file(find(path, message))


def find(path: str, message: StoredMessage) -> str:
    """Return where a message lies now. Raises FileNotFoundError."""
    if os.path.exists(message.path):
        return message.path
    for place in PLACES:
        folder = os.path.join(path, place)
        with suppress(FileNotFoundError):
            for entry in os.listdir(folder):
                name = parse_name(entry)
                if name is not None and unique_id(name.unique) == message.unique:
                    return os.path.join(folder, entry)
    raise FileNotFoundError(2, "the message was removed", message.path)


def _with_crlf(content: Content, folder: str) -> Content:
    """Return a copy with CRLF for LF, in memory while small, else in a file without a name."""
    writer = ContentWriter(folder)
    for chunk, before in _with_last(content):
        text = chunk.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        continued = before == b"\r" and chunk.startswith(b"\n")
        writer.write(text[1:] if continued else text)
    return writer.finish()


def present(path: str, messages: Sequence[StoredMessage]) -> list[str]:
    """Return the paths of those messages that are still there."""
    paths: list[str] = []
    for message in messages:
        with suppress(FileNotFoundError):
            paths.append(find(path, message))
    return paths


def stale_files(path: str, now: float) -> Iterator[str]:
    """Yield the files in tmp/ whose writers must have died long ago."""
    folder = os.path.join(path, "tmp")
    with suppress(FileNotFoundError):
        for entry in os.scandir(folder):
            with suppress(FileNotFoundError):
                if now - entry.stat().st_mtime > STALE:
                    yield entry.path


def usage(path: str) -> int:
    """Return the octets that an account's folders hold, from names where they tell it."""
    total = 0
    for folder in _folders(path):
        for place in PLACES:
            with suppress(FileNotFoundError):
                for entry in os.scandir(os.path.join(folder, place)):
                    match = _SIZE.search(entry.name)
                    with suppress(FileNotFoundError):
                        total += int(match[1]) if match else entry.stat().st_size
    return total


def _folders(path: str) -> Iterator[str]:
    yield path
    with suppress(FileNotFoundError):
        for entry in os.scandir(path):
            if entry.name.startswith(".") and entry.is_dir():
                yield entry.path

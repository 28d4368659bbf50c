"""Lists and opens the messages of one Maildir for POP3. Everything blocks: call it in threads."""

from __future__ import annotations

import errno
import os
from collections.abc import MutableMapping
from contextlib import suppress
from operator import itemgetter
from typing import TypeAlias

from mailhost.interfaces.store import StoredMessage
from mailhost.message.content import Content
from mailhost.store.maildir.filename import MessageName, parse_name
from mailhost.store.maildir.files import MOST_READINGS, located, message_files
from mailhost.store.maildir.lines import bare_feeds, has_bare_feed, with_crlf
from mailhost.store.maildir.message_file import content_of_message
from mailhost.store.maildir.pop3_uidls import Rank, Uidls, read_uidls

Sizes: TypeAlias = MutableMapping[tuple[str, str], int]


def list_messages(path: str, sizes: Sizes) -> list[StoredMessage]:
    """Return the messages of a Maildir, oldest first. No Maildir yet is an empty one.

    `sizes` remembers wire sizes that had to be counted, by Maildir and unique name. Raises OSError.
    """
    found: dict[str, tuple[Rank, StoredMessage]] = {}
    uidls = read_uidls(path)
    for _ in range(MOST_READINGS):
        if _all_listed(path, sizes, uidls, found):
            break
    return [message for _, message in sorted(found.values(), key=itemgetter(0))]


def _all_listed(
    path: str, sizes: Sizes, uidls: Uidls, found: dict[str, tuple[Rank, StoredMessage]]
) -> bool:
    """Add to `found`. False where one moved or went before its octets could be counted."""
    whole = True
    for entry, name in message_files(path):
        try:
            size = _wire_size(path, entry, name, sizes)
        except FileNotFoundError:
            whole = False
            continue
        unique = uidls.of(entry.name, name)
        found[unique] = (
            uidls.rank(entry.name, name),
            StoredMessage(unique, size, entry.path),
        )
    return whole


def _wire_size(path: str, entry: os.DirEntry[str], name: MessageName, sizes: Sizes) -> int:
    if name.wire_size is not None:
        return name.wire_size
    size = sizes.get((path, name.unique))
    if size is not None:
        return size
    try:
        size = sizes[path, name.unique] = wire_size(entry.path)
    except FileNotFoundError:
        raise
    except OSError:  # all others can be listed; an error is raised when this one is opened
        return entry.stat().st_size
    return size


def wire_size(path: str) -> int:
    """Count a file's octets as sent: each LF that lacks its CR counts twice. Raises OSError."""
    content = content_of_message(path)
    return content.size + bare_feeds(content)


def open_message(path: str, message: StoredMessage) -> Content:
    """Return a message as sent, also where it was moved since it was listed (`hint` is its path
    then). Raises FileNotFoundError, OSError.

    Where its name says that the file is sent as it is (W= is its size), so it is: a message that
    came as BINARYMIME has any octets. In all others LF becomes CRLF.
    """
    content = _open(path, message)
    return as_sent(content, os.path.basename(message.hint), os.path.join(path, "tmp"))


def as_sent(content: Content, name: str, temporary: str) -> Content:
    """Return the message in the file `name` with CRLF line ends; a large copy takes its room in
    the folder `temporary`. Raises OSError."""
    parts = parse_name(name)
    as_it_is = parts is not None and parts.wire_size == content.size
    if as_it_is or not has_bare_feed(content):
        return content
    return with_crlf(content, temporary)


def _open(path: str, message: StoredMessage) -> Content:
    with suppress(FileNotFoundError):
        return content_of_message(message.hint)
    for file in located(path, {message.unique}):
        with suppress(FileNotFoundError):
            return content_of_message(file.path)
    raise FileNotFoundError(errno.ENOENT, "the message was removed", message.hint)

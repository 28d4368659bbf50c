"""LIST and LSUB (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from mailhost.imap.commands.status import status_lines
from mailhost.imap.completion import Completion, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_mailbox import List, Lsub
from mailhost.imap.grammar.response_mailbox import list_line
from mailhost.imap.list_patterns import Patterns
from mailhost.interfaces.folders import FolderInfo, StoreRefusal


async def list_folders(context: Context, command: List) -> Completion:
    """LIST."""
    if not command.extended and command.patterns == ("",):
        context.wire.write(b'* LIST (\\Noselect) "/" ""\r\n')  # the delimiter, and no prefix
        return ok("Listed")
    folders = await context.mail.folders()
    if isinstance(folders, StoreRefusal):
        return refused(folders)
    utf8 = context.mode.utf8_names
    patterns = [command.reference + pattern for pattern in command.patterns]
    matching = await context.in_thread(partial(_matching, folders, patterns))
    levels = _levels_of_subscribed(folders, command)
    shown = []
    for folder in folders:
        children = folder.name in levels
        if folder.name not in matching or not (_is_wanted(folder, command) or children):
            continue
        info = ("SUBSCRIBED",) if children else ()
        attributes = _attributes(folder, command)
        context.wire.write(list_line(folder.name, attributes, children=info, utf8=utf8))
        if folder.selectable:
            shown.append(folder.name)
    if command.return_status and shown:
        return await status_lines(context, shown, command.return_status)
    return ok("Listed")


def _matching(folders: Sequence[FolderInfo], patterns: Sequence[str]) -> set[str]:
    """Return the names that match. For a thread: a client may send thousands of patterns."""
    matches = Patterns(patterns)
    return {folder.name for folder in folders if matches.match(folder.name)}


def _is_wanted(folder: FolderInfo, command: List) -> bool:
    if command.only_subscribed and not folder.subscribed:
        return False
    if command.only_special_use and not folder.special_use:
        return False
    return folder.selectable or folder.has_children or command.only_subscribed


def _levels_of_subscribed(folders: Sequence[FolderInfo], command: List) -> set[str]:
    """Return the levels that have subscribed folders below them, for RECURSIVEMATCH."""
    if not (command.recursive_match and command.only_subscribed):
        return set()
    return {
        level for folder in folders if folder.subscribed for level in _levels_above(folder.name)
    }


def _levels_above(name: str) -> list[str]:
    levels = name.split("/")
    return ["/".join(levels[:depth]) for depth in range(1, len(levels))]


def _attributes(folder: FolderInfo, command: List) -> list[str]:
    attributes = []
    if not folder.selectable:
        attributes.append("\\Noselect" if folder.has_children else "\\NonExistent")
    attributes.append("\\HasChildren" if folder.has_children else "\\HasNoChildren")
    if folder.subscribed and (command.return_subscribed or command.only_subscribed):
        attributes.append("\\Subscribed")
    if folder.special_use:
        attributes.append(folder.special_use)
    return attributes


async def lsub(context: Context, command: Lsub) -> Completion:
    """LSUB of RFC 3501."""
    folders = await context.mail.folders()
    if isinstance(folders, StoreRefusal):
        return refused(folders)
    utf8 = context.mode.utf8_names
    matches = Patterns([command.reference + command.pattern])
    names: dict[str, list[str]] = {}
    for folder in folders:
        if not folder.subscribed:
            continue
        if matches.match(folder.name):
            names[folder.name] = []
        elif command.pattern.endswith("%"):
            _add_level_above(names, folder.name, matches)
    for name, attributes in names.items():
        context.wire.write(list_line(name, attributes, utf8=utf8, command=b"LSUB"))
    return ok("Listed")


def _add_level_above(names: dict[str, list[str]], name: str, matches: Patterns) -> None:
    """A level that has subscribed folders below it, and is not subscribed itself."""
    for above in _levels_above(name):
        if matches.match(above):
            names.setdefault(above, ["\\Noselect"])

"""LIST and LSUB (RFC 9051 §6.3.9, RFC 5258, RFC 5819, RFC 6154)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
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
        context.wire.write(list_line("", ["\\Noselect"]))  # the delimiter, and no prefix
        return ok("Listed")
    folders = await context.mail.folders()
    if isinstance(folders, StoreRefusal):
        return refused(folders)
    shown = []
    for line in await context.in_thread(partial(_lines, folders, command)):
        attributes = _attributes(line.folder, command)
        name = line.folder.name
        context.wire.write(
            list_line(name, attributes, children=line.children, utf8=context.mode.utf8_names)
        )
        if line.folder.selectable:
            shown.append(name)
    if command.return_status and shown:
        return await status_lines(context, shown, command.return_status)
    return ok("Listed")


@dataclass(frozen=True, slots=True)
class _Line:
    """A folder to be listed. `children` are the selection options that folders below it match."""

    folder: FolderInfo
    children: Sequence[str] = ()


def _lines(folders: Sequence[FolderInfo], command: List) -> list[_Line]:
    """Return what LIST shows. For a thread: a client may send thousands of patterns."""
    matches = Patterns([command.reference + pattern for pattern in command.patterns])
    return list(_matching(folders, command, matches))


def _matching(folders: Sequence[FolderInfo], command: List, matches: Patterns) -> Iterator[_Line]:
    if not command.recursive_match:
        for folder in folders:
            if matches.match(folder.name) and _is_wanted(folder, command):
                yield _Line(folder)
        return
    options = [
        *(["SUBSCRIBED"] if command.only_subscribed else []),
        *(["SPECIAL-USE"] if command.only_special_use else []),
    ]
    wanted = [folder.name for folder in folders if _is_wanted(folder, command)]
    above = set(_levels_above(wanted))
    above_hidden = set(_levels_above(name for name in wanted if not matches.match(name)))
    for folder in [*folders, *_missing_levels(folders, above)]:
        if matches.match(folder.name):
            children = options if folder.name in above else ()
            if _is_wanted(folder, command) or folder.name in above_hidden:
                yield _Line(folder, children)


def _levels_above(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        levels = name.split("/")
        for depth in range(1, len(levels)):
            yield "/".join(levels[:depth])


def _missing_levels(folders: Sequence[FolderInfo], above: Collection[str]) -> list[FolderInfo]:
    """Return the levels above subscriptions to folders that do not exist."""
    known = {folder.name for folder in folders}
    return [FolderInfo(name, selectable=False) for name in sorted(above) if name not in known]


def _is_wanted(folder: FolderInfo, command: List) -> bool:
    if command.only_subscribed and not folder.subscribed:
        return False
    if command.only_special_use and not folder.special_use:
        return False
    return folder.selectable or folder.has_children or command.only_subscribed


def _attributes(folder: FolderInfo, command: List) -> list[str]:
    return attributes_of(folder, command.return_subscribed or command.only_subscribed)


def attributes_of(folder: FolderInfo, with_subscribed: bool) -> list[str]:
    """Return the attributes of a folder in LIST lines, with \\Subscribed where it is asked for."""
    attributes = []
    if not folder.selectable:
        attributes.append("\\Noselect" if folder.has_children else "\\NonExistent")
    attributes.append("\\HasChildren" if folder.has_children else "\\HasNoChildren")
    if folder.subscribed and with_subscribed:
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
    for above in _levels_above([name]):
        if matches.match(above):
            names.setdefault(above, ["\\Noselect"])

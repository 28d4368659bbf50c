"""STORE and UID STORE: changes of flags (RFC 9051 §6.4.6, RFC 7162 §3.1.3)."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.imap.commands.expunge import READ_ONLY
from mailhost.imap.completion import NO_SUCH_NUMBER, Completion, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.fetching.columns import picked, places_of
from mailhost.imap.flag_lists import FlagLines, flag_lines
from mailhost.imap.grammar.commands_message import Store
from mailhost.imap.grammar.response import modified
from mailhost.imap.grammar.response_message import fetch_line
from mailhost.imap.selected import AT_ONCE, Selected
from mailhost.interfaces.folders import (
    FlagChange,
    FlagsSet,
    FolderView,
    StoreRefusal,
)
from mailhost.message.flags import FlagAction


async def store(context: Context, command: Store) -> Completion:
    """The client is told the new flags of all messages that it named, unless it wants silence."""
    selected = context.selected
    assert selected is not None
    if selected.read_only:
        return READ_ONLY
    if not command.uid and command.set.beyond(selected.count):
        return NO_SUCH_NUMBER
    if command.unchanged_since is not None:
        context.enable_condstore()
    uids = selected.chosen(command.set, command.uid)
    if not uids:
        return ok("No message to store")
    change = FlagChange(command.action, command.flags)
    begun, notified = context.now(), selected.notified
    result = await selected.folder.set_flags(uids, change, command.unchanged_since)
    if isinstance(result, StoreRefusal):
        return refused(result)
    selected.seen(result.view)
    if selected.notified - notified <= result.changed and not result.modified:
        selected.looked(begun)  # no notification but our own: nobody else has changed anything
    context.wire.write(selected.new_keywords())
    await _tell(context, selected, command, uids, result)
    return _completion(selected, command, result)


async def _tell(
    context: Context, selected: Selected, command: Store, uids: Sequence[int], result: FlagsSet
) -> None:
    """Write the new flags. The next updates do not repeat them."""
    view, others = result.view, frozenset(result.modified)
    places = places_of(view, [uid for uid in uids if uid not in others] if others else uids)
    with_uid = command.uid or context.uid_in_fetch
    lines: FlagLines | None = None
    if not command.silent:
        lines = flag_lines(view, with_uid, context.condstore)
    elif context.condstore:
        lines = _modseq_lines(view, with_uid)
    # with .SILENT the client does not learn what others have changed meanwhile
    if not command.silent or result.modseq_before <= selected.modseq:
        selected.silence(picked(view.uids, places))
    if lines is None:
        return
    for start in range(0, len(places), AT_ONCE):
        some = places[start : start + AT_ONCE]
        await context.send(b"".join(lines(selected.numbers_at(view, some), some)))


def _modseq_lines(view: FolderView, uid: bool) -> FlagLines:
    """The client knows the flags, and not their MODSEQ (RFC 7162 §3.1.3)."""

    def lines(numbers: Sequence[int], places: Sequence[int]) -> list[bytes]:
        return [
            fetch_line(
                number,
                [
                    *([b"UID %d" % view.uids[place]] if uid else []),
                    b"MODSEQ (%d)" % view.modseqs[place],
                ],
            )
            for number, place in zip(numbers, places, strict=True)
        ]

    return lines


def _completion(selected: Selected, command: Store, result: FlagsSet) -> Completion:
    if result.modified:
        named = result.modified if command.uid else list(map(selected.number_of, result.modified))
        return ok("Some were changed by others", modified(named))
    if result.expunged and not command.uid:
        return no("Some of these messages are gone", b"EXPUNGEISSUED")
    if command.action is not FlagAction.REMOVE and _is_unknown(result.view, command.flags):
        return no("The folder has as many keywords as it can have", b"LIMIT")
    return ok("Stored")


def _is_unknown(view: FolderView, flags: Sequence[str]) -> bool:
    """True where a keyword could not be set: the folder had no room for it."""
    known = {name.lower() for name in view.keywords}
    return any(flag[:1] != "\\" and flag.lower() not in known for flag in flags)

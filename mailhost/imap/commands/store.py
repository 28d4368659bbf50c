"""STORE and UID STORE: changes of flags (RFC 9051 §6.4.6, RFC 7162 §3.1.3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailhost.imap.commands.expunge import READ_ONLY
from mailhost.imap.completion import Completion, bad, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_message import Store
from mailhost.imap.lines import send_lines
from mailhost.imap.selected import Selected, flags_line
from mailhost.imap.uid_sets import uid_set
from mailhost.interfaces.folders import FlagAction, FlagChange, FlagsSet, StoreRefusal


async def store(context: Context, command: Store) -> Completion:
    """The client is told the new flags of all messages that it named, unless it wants silence."""
    selected = context.selected
    assert selected is not None
    if selected.read_only:
        return READ_ONLY
    if not command.uid and command.set.beyond(selected.count):
        return bad("There is no message with such a number")
    if command.unchanged_since is not None:
        context.condstore = True
    uids = selected.chosen(command.set, command.uid)
    if not uids:
        return ok("No message to store")
    change = FlagChange(FlagAction(command.action.value), command.flags)
    result = await selected.folder.set_flags(uids, change, command.unchanged_since)
    if isinstance(result, StoreRefusal):
        return refused(result)
    selected.seen(result.view)
    selected.looked(context.now())
    selected.silence(uids)
    await send_lines(context, _lines(context, selected, command, uids, result))
    return _completion(selected, command, result)


def _lines(
    context: Context, selected: Selected, command: Store, uids: Sequence[int], result: FlagsSet
) -> Iterator[bytes]:
    """Yield the new flags. What the client asked for is not told a second time."""
    view, modified = result.view, frozenset(result.modified)
    line = flags_line(selected, command.uid or context.uid_in_fetch, context.condstore)
    for uid in uids:
        index = view.index_of(uid)
        if index is None or (command.silent and not context.condstore) or uid in modified:
            continue
        number = selected.number_of(uid)
        if command.silent:
            yield _modseq_line(context, command, number, uid, view.modseqs[index])
        else:
            yield line(number, index)


def _modseq_line(context: Context, command: Store, number: int, uid: int, modseq: int) -> bytes:
    shown = b"UID %d " % uid if command.uid or context.uid_in_fetch else b""
    return b"* %d FETCH (%bMODSEQ (%d))\r\n" % (number, shown, modseq)


def _completion(selected: Selected, command: Store, result: FlagsSet) -> Completion:
    if result.modified:
        named = (
            result.modified if command.uid else [selected.number_of(uid) for uid in result.modified]
        )
        return ok("Some were changed by others", b"MODIFIED %b" % uid_set(named))
    if result.expunged and not command.uid:
        return no("Some of these messages are gone", b"EXPUNGEISSUED")
    return ok("Stored")

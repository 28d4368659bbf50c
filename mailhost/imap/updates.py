"""Tells the client what has changed in the selected mailbox."""

from __future__ import annotations

from mailhost.imap.commands.fetch import fetch
from mailhost.imap.context import Context
from mailhost.imap.flag_lists import flag_lines
from mailhost.imap.grammar.commands_mailbox import NotifyEvent, Which
from mailhost.imap.grammar.commands_message import (
    Expunge,
    Fetch,
    Move,
    Search,
    Sort,
    Store,
    Thread,
)
from mailhost.imap.grammar.fetch_items import Attribute, peeking
from mailhost.imap.grammar.response import BYE, UNTAGGED, status
from mailhost.imap.grammar.sequence_set import SequenceSet
from mailhost.imap.selected import Selected, Told
from mailhost.interfaces.folders import FolderView, Reason, StoreRefusal

_NUMBERED = (Fetch, Store, Search, Sort, Thread)
_EXPUNGING = (Expunge, Move)  # what they have done is told in any case
FEW = 5  # parts of an answer that are short enough to be sent at once
GONE = "The selected mailbox was removed or renamed"


async def tell_updates(context: Context, command: object = None, idling: bool = False) -> None:
    """Write what the client does not know yet: after a command, while it idles, or, if it has asked
    for that by NOTIFY, at any time.

    A command whose message numbers are still on their way back keeps what is expunged from being
    told (RFC 9051 §7.5.1). Where the mailbox is gone the session ends.
    """
    selected = context.selected
    if selected is None:
        return
    view = await newest_view(context, selected)
    if view is None:
        return
    if selected.is_current(view):
        selected.silence_ends()
        return
    told = _told(context, command, idling)
    if told is None:
        return
    uid = context.uid_in_fetch or bool(getattr(command, "uid", False))
    lines = flag_lines(view, uid, context.condstore)
    last = selected.uids[-1] if selected.uids else 0
    for number, update in enumerate(selected.updates(told, lines)):
        if number < FEW:
            context.wire.write(update)
        else:
            await context.send(update)
    await _fetch_new(context, selected, last)


def _told(context: Context, command: object, idling: bool) -> Told | None:
    """Return what the client may be told of now, None for nothing."""
    by_number = isinstance(command, _NUMBERED) and not command.uid
    told = Told(not by_number, context.qresync)
    notifying = context.notifying
    if notifying is None or isinstance(command, _EXPUNGING):
        return told
    group = notifying.selected
    if group is None or not group.events:
        return None
    delayed = group.which is Which.SELECTED_DELAYED and command is None and not idling
    flags = NotifyEvent.FLAG_CHANGE in group.events
    return Told(told.expunge and not delayed, told.vanished, flags)


async def _fetch_new(context: Context, selected: Selected, last: int) -> None:
    """Write what NOTIFY asked for of new messages, those above the UID `last` (RFC 5465 §5.2)."""
    notifying = context.notifying
    group = notifying.selected if notifying is not None else None
    if group is None or not group.items or not selected.uids or selected.uids[-1] <= last:
        return
    items = (Attribute.UID, *(peeking(item) for item in group.items if item != Attribute.UID))
    new = SequenceSet.of((last + 1, selected.uids[-1]))
    await fetch(context, Fetch(True, new, items))


async def newest_view(context: Context, selected: Selected) -> FolderView | None:
    """Return the newest state of the mailbox, None where there is none now."""
    if selected.has_view and not selected.due(context.now()):
        return selected.view
    selected.looked(context.now())  # before it is read: what changes meanwhile is told next
    view = await selected.folder.view()
    if isinstance(view, StoreRefusal):
        if view.reason is Reason.NONEXISTENT:
            _end(context)
        return None  # else logged by the store; the next command tries again
    if not selected.is_same_folder(view):
        _end(context)
        return None
    selected.seen(view)
    return view


def _end(context: Context) -> None:
    """A client cannot be told that its mailbox is gone but by the end of the connection."""
    context.deselect()
    context.over = True
    context.wire.write(status(UNTAGGED, BYE, GONE))

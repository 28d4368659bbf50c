"""Tells the client what has changed in the selected mailbox, after a command and while it idles."""

from __future__ import annotations

from mailhost.imap.context import Context
from mailhost.imap.flag_lists import flag_lines
from mailhost.imap.grammar.commands import Tagged
from mailhost.imap.grammar.commands_message import Fetch, Search, Sort, Store, Thread
from mailhost.imap.grammar.response import BYE, UNTAGGED, status
from mailhost.imap.selected import Selected
from mailhost.interfaces.folders import FolderView, Reason, StoreRefusal

_NUMBERED = (Fetch, Store, Search, Sort, Thread)
GONE = "The selected mailbox was removed or renamed"


async def tell_updates(context: Context, tagged: Tagged | None) -> None:
    """Write what the client does not know yet; after the command `tagged`, or while it idles.

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
        return
    command = tagged.command if tagged is not None else None
    by_number = isinstance(command, _NUMBERED) and not command.uid
    uid = context.uid_in_fetch or bool(getattr(command, "uid", False))
    lines = flag_lines(view, uid, context.condstore)
    first = True
    for update in selected.updates(not by_number, context.qresync, lines):
        if not first:
            await context.pause()
        first = False
        context.wire.write(update)


async def newest_view(context: Context, selected: Selected) -> FolderView | None:
    """Return the newest state of the mailbox, None where there is none now."""
    if selected.has_view and not selected.due(context.now()):
        return selected.view
    view = await selected.folder.view()
    if isinstance(view, StoreRefusal):
        if view.reason is Reason.NONEXISTENT:
            _end(context)
        return None  # else logged by the store; the next command tries again
    if not selected.is_same_folder(view):
        _end(context)
        return None
    selected.looked(context.now())
    selected.seen(view)
    return view


def _end(context: Context) -> None:
    """A client cannot be told that its mailbox is gone but by the end of the connection."""
    context.deselect()
    context.over = True
    context.wire.write(status(UNTAGGED, BYE, GONE))

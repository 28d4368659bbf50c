"""Tells the client what has changed in the selected mailbox, after a command and while it idles."""

from __future__ import annotations

from mailhost.imap.context import Context
from mailhost.imap.grammar.commands import Tagged
from mailhost.imap.grammar.commands_message import Fetch, Search, Sort, Store, Thread
from mailhost.imap.lines import send_lines
from mailhost.imap.selected import flags_line
from mailhost.interfaces.folders import Reason, StoreRefusal

_NUMBERED = (Fetch, Store, Search, Sort, Thread)


async def tell_updates(context: Context, tagged: Tagged | None) -> None:
    """Write what the client does not know yet; after the command `tagged`, or while it idles.

    A command whose message numbers are still on their way back keeps what is expunged from being
    told (RFC 9051 §7.5.1).
    """
    selected = context.selected
    if selected is None:
        return
    command = tagged.command if tagged is not None else None
    by_number = isinstance(command, _NUMBERED) and not command.uid
    if not selected.due(context.now()) and selected.has_view:
        view = selected.view
    else:
        found = await selected.folder.view()
        if isinstance(found, StoreRefusal):
            if found.reason is Reason.NONEXISTENT:
                _end(context)
            return  # logged by the store; the next command tries again
        view = found
        selected.looked(context.now())
    if selected.is_current(view):
        selected.seen(view)
        return
    selected.seen(view)
    uid = context.uid_in_fetch or (command is not None and getattr(command, "uid", False))
    line = flags_line(selected, bool(uid), context.condstore)
    without = selected.silenced()
    updates = selected.updates(not by_number, context.qresync, line, without)
    await send_lines(context, updates)


def _end(context: Context) -> None:
    """The selected folder is gone. IMAP has no reply that leaves a mailbox without a command: the
    client connects again (RFC 2180 §3.3)."""
    context.deselect()
    context.over = True
    context.wire.write(b"* BYE The selected mailbox was removed or renamed\r\n")

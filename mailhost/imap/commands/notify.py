"""NOTIFY (RFC 5465), and the lines about folders that are not selected."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.imap.commands.list import attributes_of
from mailhost.imap.completion import Completion, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_mailbox import Notify
from mailhost.imap.grammar.response_mailbox import list_line, status_line
from mailhost.imap.notifying import Change, Notifying, StatusChange


async def notify(context: Context, command: Notify) -> Completion:
    """The filter replaces the one before. With NONE the client hears nothing of its own accord, not
    of the selected mailbox either."""
    if context.notifying is not None:
        context.notifying.stop()
    notifying = Notifying(context.mail, context.wire, context.clock, command.groups)
    context.notifying = notifying
    refusal = await notifying.begin()
    if refusal is not None:
        notifying.stop()
        context.notifying = None
        return refused(refusal)
    if command.status:
        _write(context, notifying.present(_selected(context)))
    return ok("Notifying")


async def tell_changes(context: Context, notifying: Notifying) -> None:
    """Write what has changed in folders that are not selected."""
    _write(context, await notifying.changes(_selected(context)))


def _selected(context: Context) -> str:
    return "" if context.selected is None else context.selected.folder.name


def _write(context: Context, changes: Sequence[Change]) -> None:
    utf8 = context.mode.utf8_names
    for change in changes:
        if isinstance(change, StatusChange):
            context.wire.write(status_line(change.name, change.values, utf8=utf8))
            continue
        folder = change.folder
        attributes = attributes_of(folder, True) if change.there else ["\\NonExistent"]
        line = list_line(folder.name, attributes, old_name=change.old_name, utf8=utf8)
        context.wire.write(line)

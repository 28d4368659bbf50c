"""STATUS, also as LIST returns it (RFC 9051 §6.3.11, RFC 5819)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailhost.imap.completion import Completion, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_mailbox import Status, StatusItem
from mailhost.imap.grammar.response_mailbox import StatusValue, status_line
from mailhost.interfaces.folders import FolderStatus, StoreRefusal


async def status(context: Context, command: Status) -> Completion:
    """STATUS."""
    found = await context.mail.statuses([command.mailbox])
    if isinstance(found, StoreRefusal):
        return refused(found)
    if not found:
        return no("There is no such folder", b"NONEXISTENT")
    _write(context, found, command.items)
    return ok("Completed")


async def status_lines(
    context: Context, names: Sequence[str], items: Sequence[StatusItem]
) -> Completion:
    """Write the lines of several folders."""
    found = await context.mail.statuses(names)
    if isinstance(found, StoreRefusal):
        return refused(found)
    _write(context, found, items)
    return ok("Listed")


def _write(
    context: Context, found: Mapping[str, FolderStatus], items: Sequence[StatusItem]
) -> None:
    if StatusItem.HIGHESTMODSEQ in items:
        context.enable_condstore()
    for name, each in found.items():
        values = {item: _value(context, each, item) for item in items}
        context.wire.write(status_line(name, values, utf8=context.mode.utf8_names))


def _value(context: Context, status: FolderStatus, item: StatusItem) -> StatusValue:
    values: dict[StatusItem, StatusValue] = {
        StatusItem.MESSAGES: status.messages,
        StatusItem.RECENT: 0,
        StatusItem.UIDNEXT: status.uid_next,
        StatusItem.UIDVALIDITY: status.uid_validity,
        StatusItem.UNSEEN: status.unseen,
        StatusItem.DELETED: status.deleted,
        StatusItem.SIZE: status.size,
        StatusItem.HIGHESTMODSEQ: status.highest_modseq,
        StatusItem.MAILBOXID: f"F{status.mailbox_id}",
        StatusItem.APPENDLIMIT: context.options.append_limit,
        StatusItem.DELETED_STORAGE: status.deleted_size // 1024,
    }
    return values[item]

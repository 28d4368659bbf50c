"""COPY and MOVE with their UID forms (RFC 9051 §6.4.7 and §6.4.8)."""

from __future__ import annotations

from mailhost.imap.commands.expunge import READ_ONLY, highest_modseq
from mailhost.imap.completion import NO_SUCH_NUMBER, Completion, ok, refused_target
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_message import Copy, Move
from mailhost.imap.grammar.response import copy_uid
from mailhost.imap.progress import with_progress
from mailhost.interfaces.folders import Copied, StoreRefusal


async def copy(context: Context, command: Copy) -> Completion:
    """COPY."""
    selected = context.selected
    assert selected is not None
    if not command.uid and command.set.beyond(selected.count):
        return NO_SUCH_NUMBER
    uids = selected.chosen(command.set, command.uid)
    if not uids:
        return ok("No message to copy")
    copying = selected.folder.copy(uids, command.mailbox)
    result = await with_progress(context, "Copying", copying)
    if isinstance(result, StoreRefusal):
        return refused_target(result)
    return ok("Copied", _copyuid(result))


async def move(context: Context, command: Move) -> Completion:
    """MOVE. COPYUID comes in an untagged reply, before the messages are told to be gone."""
    selected = context.selected
    assert selected is not None
    if selected.read_only:
        return READ_ONLY
    if not command.uid and command.set.beyond(selected.count):
        return NO_SUCH_NUMBER
    uids = selected.chosen(command.set, command.uid)
    if not uids:
        return ok("No message to move")
    moving = selected.folder.move(uids, command.mailbox)
    result = await with_progress(context, "Moving", moving)
    if isinstance(result, StoreRefusal):
        return refused_target(result)
    code = _copyuid(result)
    if code:
        context.wire.write(ok("Moved", code).line(b"*"))
    selected.changed = True
    return ok("Moved", await highest_modseq(context))


def _copyuid(result: Copied) -> bytes:
    if not result.uids:
        return b""
    return copy_uid(result.uid_validity, result.uids, result.copies)

"""EXPUNGE and UID EXPUNGE (RFC 9051 §6.4.3, §6.4.9)."""

from __future__ import annotations

from itertools import compress

from mailhost.imap.completion import Completion, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_message import Expunge
from mailhost.imap.grammar.response import number_code
from mailhost.imap.searching.masks import octets_of_bit
from mailhost.interfaces.folders import FolderView, StoreRefusal
from mailhost.message.flags import DELETED

READ_ONLY = no("The mailbox is open for reading alone", b"READ-ONLY")


def deleted_uids(view: FolderView) -> list[int]:
    """Return the UIDs of messages that are flagged \\Deleted."""
    deleted = octets_of_bit(view.flags, DELETED)
    return list(compress(view.uids, deleted)) if 1 in deleted else []


async def expunge(context: Context, command: Expunge) -> Completion:
    """The updates after the command tell the client which messages are gone."""
    selected = context.selected
    assert selected is not None
    if selected.read_only:
        return READ_ONLY
    view = await selected.folder.view()
    if isinstance(view, StoreRefusal):
        return refused(view)
    uids = deleted_uids(view)
    if command.uids is not None:
        chosen = set(selected.chosen(command.uids, True))
        uids = [uid for uid in uids if uid in chosen]
    else:
        uids = [uid for uid in uids if selected.number_of(uid)]
    if not uids:
        return ok("Nothing to expunge")
    result = await selected.folder.expunge(uids)
    if isinstance(result, StoreRefusal):
        return refused(result)
    selected.changed = True
    return ok("Expunged", await highest_modseq(context))


async def highest_modseq(context: Context) -> bytes:
    """Return the code for the reply to a command that has expunged messages, for a client with
    QRESYNC: the MODSEQ up to which it knows all (RFC 7162 §3.2.7, RFC 6851 §4.4)."""
    if not context.qresync or context.selected is None:
        return b""
    view = await context.selected.folder.view()
    if isinstance(view, StoreRefusal):
        return b""
    return number_code(b"HIGHESTMODSEQ", view.highest_modseq)

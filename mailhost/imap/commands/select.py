"""SELECT, EXAMINE, CLOSE and UNSELECT."""

from __future__ import annotations

from mailhost.imap.commands.expunge import deleted_uids
from mailhost.imap.commands.qresync import catch_up
from mailhost.imap.completion import Completion, bad, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.flag_lists import known_flags
from mailhost.imap.grammar import response
from mailhost.imap.grammar.commands_mailbox import Close, Select, Unselect
from mailhost.imap.grammar.response import number_code
from mailhost.imap.grammar.response_mailbox import list_line
from mailhost.imap.searching.masks import octets_of_bit
from mailhost.imap.selected import Selected
from mailhost.interfaces.folders import FolderView, StoreRefusal
from mailhost.message.flags import SEEN


async def select(context: Context, command: Select) -> Completion:
    """SELECT and EXAMINE."""
    if command.qresync is not None and not context.qresync:
        return bad("ENABLE QRESYNC comes first")  # RFC 7162 §3.2.5
    was_selected = context.selected is not None
    context.deselect()
    if was_selected:
        context.wire.write(ok("The mailbox before is closed", b"CLOSED").line(response.UNTAGGED))
    context.condstore |= command.condstore or command.qresync is not None
    folder = await context.mail.open(command.mailbox)
    if isinstance(folder, StoreRefusal):
        return refused(folder)
    view = await folder.view()
    if isinstance(view, StoreRefusal):
        return refused(view)
    selected = Selected(folder, view, command.read_only)
    selected.looked(context.now())
    context.selected = selected
    watch(context, selected)
    _describe(context, selected, view)
    if command.qresync is not None:
        result = await catch_up(context, selected, command.qresync)
        if result is not None:
            return result
    code = b"READ-ONLY" if command.read_only else b"READ-WRITE"
    return ok("Examined" if command.read_only else "Selected", code)


def watch(context: Context, selected: Selected) -> None:
    """Have the session woken when the mailbox changes."""

    def changed() -> None:
        selected.notify()
        context.wire.wake()

    selected.watch(selected.folder.watch(changed))


def _describe(context: Context, selected: Selected, view: FolderView) -> None:
    """Write what SELECT answers (RFC 9051 §6.3.2, RFC 7162 §3.1.2.1)."""
    write, rev2 = context.wire.write, context.mode.rev2
    write(response.exists(len(view.uids)))
    if not rev2:
        write(response.recent(0))
    write(known_flags(view, selected.read_only))
    codes = [
        (number_code(b"UIDVALIDITY", view.uid_validity), "UIDs are valid"),
        (number_code(b"UIDNEXT", view.uid_next), "The next UID"),
        (number_code(b"HIGHESTMODSEQ", view.highest_modseq), "The last change"),
        (response.mailbox_id(f"F{view.mailbox_id}"), "The mailbox"),
    ]
    unseen = 0 if rev2 else octets_of_bit(view.flags, SEEN).find(0) + 1
    if unseen:
        codes.append((number_code(b"UNSEEN", unseen), "The first unseen message"))
    for code, text in codes:
        write(ok(text, code).line(response.UNTAGGED))
    if rev2:
        write(list_line(selected.folder.name, utf8=True))


async def close(context: Context, _: Close) -> Completion:
    """CLOSE: expunge without EXPUNGE lines, then leave the mailbox."""
    selected = context.selected
    assert selected is not None
    code = b""
    if not selected.read_only:
        view = await selected.folder.view()
        if not isinstance(view, StoreRefusal):
            uids = deleted_uids(view)
            if uids:
                result = await selected.folder.expunge(uids)
                if isinstance(result, StoreRefusal):
                    return refused(result)
                if context.qresync:  # RFC 7162 §3.2.8
                    code = number_code(b"HIGHESTMODSEQ", result.highest_modseq)
    context.deselect()
    return ok("Closed", code)


def unselect(context: Context, _: Unselect) -> Completion:
    """UNSELECT."""
    context.deselect()
    return ok("Unselected")

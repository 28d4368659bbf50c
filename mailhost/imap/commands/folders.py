"""CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 9051 §6.3.4 to §6.3.8)."""

from __future__ import annotations

from mailhost.imap.commands.select import watch
from mailhost.imap.completion import Completion, no, ok, refused
from mailhost.imap.context import Context
from mailhost.imap.grammar.commands_mailbox import (
    Create,
    Delete,
    Rename,
    Subscribe,
    Unsubscribe,
)
from mailhost.imap.grammar.response import mailbox_id
from mailhost.interfaces.folders import StoreRefusal

USES = frozenset(("\\Sent", "\\Drafts", "\\Junk", "\\Trash", "\\Archive"))


async def create(context: Context, command: Create) -> Completion:
    """CREATE, with a special use (RFC 6154 §3). The new folder is subscribed to, as many clients
    show subscribed folders alone."""
    if not USES.issuperset(command.special_uses) or len(command.special_uses) > 1:
        return no("A folder can have one of the special uses Sent, Drafts, Junk, Trash and Archive",
                  b"USEATTR")  # fmt: skip
    use = command.special_uses[0] if command.special_uses else ""
    result = await context.mail.create(command.mailbox, use)
    if isinstance(result, StoreRefusal):
        return refused(result)
    subscribed = await context.mail.subscribe(command.mailbox.removesuffix("/"), True)
    if isinstance(subscribed, StoreRefusal):
        return refused(subscribed)
    return ok("Created", mailbox_id(f"F{result}"))


async def delete(context: Context, command: Delete) -> Completion:
    """DELETE. A session that has the folder selected leaves it."""
    result = await context.mail.remove(command.mailbox)
    if isinstance(result, StoreRefusal):
        return refused(result)
    if context.selected is not None and context.selected.folder.name == command.mailbox:
        context.deselect()
    return ok("Deleted")


async def rename(context: Context, command: Rename) -> Completion:
    """RENAME. A session that has the folder selected keeps it under its new name."""
    result = await context.mail.rename(command.mailbox, command.new)
    if isinstance(result, StoreRefusal):
        return refused(result)
    selected = context.selected
    if selected is not None and command.mailbox != "INBOX":
        name = selected.folder.name
        if name == command.mailbox or name.startswith(f"{command.mailbox}/"):
            folder = await context.mail.open(command.new + name[len(command.mailbox) :])
            if not isinstance(folder, StoreRefusal):
                selected.close()
                selected.folder = folder
                watch(context, selected)
    return ok("Renamed")


async def subscribe(context: Context, command: Subscribe | Unsubscribe) -> Completion:
    """SUBSCRIBE and UNSUBSCRIBE."""
    wanted = isinstance(command, Subscribe)
    result = await context.mail.subscribe(command.mailbox, wanted)
    if isinstance(result, StoreRefusal):
        return refused(result)
    return ok("Subscribed" if wanted else "Unsubscribed")

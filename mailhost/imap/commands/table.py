"""The table of commands: which function does a command, and in which states it is allowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailhost.imap.commands.capability import capability, enable, identify
from mailhost.imap.commands.copy import copy, move
from mailhost.imap.commands.expunge import expunge
from mailhost.imap.commands.fetch import fetch
from mailhost.imap.commands.folders import create, delete, rename, subscribe
from mailhost.imap.commands.list import list_folders, lsub
from mailhost.imap.commands.notify import notify
from mailhost.imap.commands.quota import get_quota, get_quota_root, set_quota
from mailhost.imap.commands.search import search
from mailhost.imap.commands.select import close, select, unselect
from mailhost.imap.commands.session import compress, login, logout, namespace, noop, start_tls
from mailhost.imap.commands.sort import sort
from mailhost.imap.commands.status import status
from mailhost.imap.commands.store import store
from mailhost.imap.commands.thread import thread
from mailhost.imap.completion import Completion
from mailhost.imap.context import Context, State
from mailhost.imap.grammar import commands_mailbox as mailbox
from mailhost.imap.grammar import commands_message as message
from mailhost.imap.grammar import commands_session as session
from mailhost.interfaces.answer import Answer

Run = Callable[[Context, Any], Answer[Completion]]

ANY = frozenset((State.NOT_AUTHENTICATED, State.AUTHENTICATED, State.SELECTED))
BEFORE_LOGIN = frozenset((State.NOT_AUTHENTICATED,))
AFTER_LOGIN = frozenset((State.AUTHENTICATED, State.SELECTED))
SELECTED = frozenset((State.SELECTED,))


def _by_session(_: Context, __: object) -> Completion:
    raise AssertionError("the session does this command itself")


_TABLE: dict[type, tuple[frozenset[State], Run]] = {
    session.Capability: (ANY, capability),
    session.Noop: (ANY, noop),
    session.Logout: (ANY, logout),
    session.Id: (ANY, identify),
    session.StartTls: (BEFORE_LOGIN, start_tls),
    session.Login: (BEFORE_LOGIN, login),
    session.Authenticate: (BEFORE_LOGIN, _by_session),
    session.Enable: (AFTER_LOGIN, enable),
    session.Idle: (AFTER_LOGIN, _by_session),
    session.Namespace: (AFTER_LOGIN, namespace),
    session.Compress: (AFTER_LOGIN, compress),
    mailbox.Select: (AFTER_LOGIN, select),
    mailbox.Create: (AFTER_LOGIN, create),
    mailbox.Delete: (AFTER_LOGIN, delete),
    mailbox.Rename: (AFTER_LOGIN, rename),
    mailbox.Subscribe: (AFTER_LOGIN, subscribe),
    mailbox.Unsubscribe: (AFTER_LOGIN, subscribe),
    mailbox.List: (AFTER_LOGIN, list_folders),
    mailbox.Lsub: (AFTER_LOGIN, lsub),
    mailbox.Status: (AFTER_LOGIN, status),
    mailbox.Append: (AFTER_LOGIN, _by_session),
    mailbox.GetQuota: (AFTER_LOGIN, get_quota),
    mailbox.GetQuotaRoot: (AFTER_LOGIN, get_quota_root),
    mailbox.SetQuota: (AFTER_LOGIN, set_quota),
    mailbox.Notify: (AFTER_LOGIN, notify),
    mailbox.Check: (SELECTED, noop),
    mailbox.Close: (SELECTED, close),
    mailbox.Unselect: (SELECTED, unselect),
    message.Fetch: (SELECTED, fetch),
    message.Store: (SELECTED, store),
    message.Copy: (SELECTED, copy),
    message.Move: (SELECTED, move),
    message.Expunge: (SELECTED, expunge),
    message.Search: (SELECTED, search),
    message.Sort: (SELECTED, sort),
    message.Thread: (SELECTED, thread),
}

ALLOWED = {command: states for command, (states, _) in _TABLE.items()}
"""The states in which each command is allowed."""


def command_of(command: object) -> Run:
    """Return the function that does a command."""
    return _TABLE[type(command)][1]

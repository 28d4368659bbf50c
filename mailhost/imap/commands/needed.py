"""Which capabilities a command needs: one that is switched off must not be accepted either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mailhost.imap.grammar import commands_mailbox as mailbox
from mailhost.imap.grammar import commands_message as message
from mailhost.imap.grammar import commands_session as session
from mailhost.imap.grammar.fetch_items import Attribute, BinarySection, BinarySize, Preview

_ALWAYS = {
    session.Id: "ID",
    session.Enable: "ENABLE",
    session.Idle: "IDLE",
    session.Namespace: "NAMESPACE",
    session.StartTls: "STARTTLS",
    mailbox.Unselect: "UNSELECT",
    mailbox.Notify: "NOTIFY",
    mailbox.GetQuota: "QUOTA",
    mailbox.GetQuotaRoot: "QUOTA",
    mailbox.SetQuota: "QUOTA",
    message.Move: "MOVE",
    message.Sort: "SORT",
}
_ITEMS = {
    Attribute.MODSEQ: "CONDSTORE",
    Attribute.EMAILID: "OBJECTID",
    Attribute.THREADID: "OBJECTID",
    Attribute.SAVEDATE: "SAVEDATE",
}
_STATUS_ITEMS = {
    mailbox.StatusItem.SIZE: "STATUS=SIZE",
    mailbox.StatusItem.HIGHESTMODSEQ: "CONDSTORE",
    mailbox.StatusItem.MAILBOXID: "OBJECTID",
    mailbox.StatusItem.APPENDLIMIT: "APPENDLIMIT",
}


def needed(command: object) -> Iterator[str]:
    """Yield the capabilities that a command needs, beyond IMAP4rev1."""
    always = _ALWAYS.get(type(command))
    if always is not None:
        yield always
    more = _MORE.get(type(command))
    if more is not None:
        yield from more(command)


def _authenticate(command: session.Authenticate) -> Iterator[str]:
    yield f"AUTH={command.mechanism.decode('ascii', 'replace')}"
    if command.initial:
        yield "SASL-IR"


def _compress(command: session.Compress) -> Iterator[str]:
    yield f"COMPRESS={command.mechanism}"


def _select(command: mailbox.Select) -> Iterator[str]:
    if command.condstore:
        yield "CONDSTORE"
    if command.qresync is not None:
        yield "QRESYNC"


def _create(command: mailbox.Create) -> Iterator[str]:
    if command.special_uses:
        yield "CREATE-SPECIAL-USE"


def _list(command: mailbox.List) -> Iterator[str]:
    if command.extended:
        yield "LIST-EXTENDED"
    if command.only_special_use or command.return_special_use:
        yield "SPECIAL-USE"
    if command.return_status:
        yield "LIST-STATUS"
        yield from _status_items(command.return_status)


def _status(command: mailbox.Status) -> Iterator[str]:
    yield from _status_items(command.items)


def _status_items(items: tuple[mailbox.StatusItem, ...]) -> Iterator[str]:
    yield from (_STATUS_ITEMS[item] for item in items if item in _STATUS_ITEMS)


def _append(command: mailbox.Append) -> Iterator[str]:
    if len(command.messages) > 1:
        yield "MULTIAPPEND"
    for each in command.messages:
        if each.utf8:
            yield "UTF8=ACCEPT"
        elif each.binary:
            yield "BINARY"


def _fetch(command: message.Fetch) -> Iterator[str]:
    if command.changed_since is not None:
        yield "QRESYNC" if command.vanished else "CONDSTORE"
    for item in command.items:
        if isinstance(item, BinarySection | BinarySize):
            yield "BINARY"
        elif isinstance(item, Preview):
            yield "PREVIEW"
        elif isinstance(item, Attribute) and item in _ITEMS:
            yield _ITEMS[item]


def _store(command: message.Store) -> Iterator[str]:
    if command.unchanged_since is not None:
        yield "CONDSTORE"


def _expunge(command: message.Expunge) -> Iterator[str]:
    if command.uids is not None:
        yield "UIDPLUS"


def _search(command: message.Search) -> Iterator[str]:
    if command.returns is not None:
        yield "ESEARCH"
        if message.SearchReturn.SAVE in command.returns:
            yield "SEARCHRES"


def _thread(command: message.Thread) -> Iterator[str]:
    yield f"THREAD={command.algorithm.value}"


_MORE: dict[type, Callable[[Any], Iterator[str]]] = {
    session.Authenticate: _authenticate,
    session.Compress: _compress,
    mailbox.Select: _select,
    mailbox.Create: _create,
    mailbox.List: _list,
    mailbox.Status: _status,
    mailbox.Append: _append,
    message.Fetch: _fetch,
    message.Store: _store,
    message.Expunge: _expunge,
    message.Search: _search,
    message.Thread: _thread,
}

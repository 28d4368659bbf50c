"""From a command's parts to its value: one table of all commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from mailhost.imap.grammar.commands import Command, Tagged
from mailhost.imap.grammar.commands_mailbox import (
    Check,
    Close,
    Delete,
    GetQuotaRoot,
    Subscribe,
    Unselect,
    Unsubscribe,
)
from mailhost.imap.grammar.commands_session import (
    Capability,
    Idle,
    Logout,
    Namespace,
    Noop,
    StartTls,
)
from mailhost.imap.grammar.cursor import REV1, TAG, BadSyntax, Cursor, Mode
from mailhost.imap.grammar.parse_append import announced, append
from mailhost.imap.grammar.parse_list import list_, lsub
from mailhost.imap.grammar.parse_mailbox import (
    create,
    examine,
    get_quota,
    of_mailbox,
    rename,
    select,
    set_quota,
    status,
)
from mailhost.imap.grammar.parse_message import (
    by_number,
    by_uid,
    copy,
    expunge,
    fetch,
    move,
    search,
    sort,
    store,
    thread,
)
from mailhost.imap.grammar.parse_notify import notify
from mailhost.imap.grammar.parse_session import authenticate, compress, enable, identify, login
from mailhost.imap.grammar.reader import Literal, Part

Reader = Callable[[Cursor], Command]


class UnknownCommand(BadSyntax):
    """No command has this name."""


def _alone(command: Command) -> Reader:
    return lambda cursor: command


READERS: Mapping[bytes, Reader] = {
    b"CAPABILITY": _alone(Capability()),
    b"NOOP": _alone(Noop()),
    b"LOGOUT": _alone(Logout()),
    b"STARTTLS": _alone(StartTls()),
    b"IDLE": _alone(Idle()),
    b"NAMESPACE": _alone(Namespace()),
    b"LOGIN": login,
    b"AUTHENTICATE": authenticate,
    b"ENABLE": enable,
    b"ID": identify,
    b"COMPRESS": compress,
    b"SELECT": select,
    b"EXAMINE": examine,
    b"CREATE": create,
    b"DELETE": of_mailbox(Delete),
    b"RENAME": rename,
    b"SUBSCRIBE": of_mailbox(Subscribe),
    b"UNSUBSCRIBE": of_mailbox(Unsubscribe),
    b"LIST": list_,
    b"LSUB": lsub,
    b"STATUS": status,
    b"APPEND": append,
    b"CHECK": _alone(Check()),
    b"CLOSE": _alone(Close()),
    b"UNSELECT": _alone(Unselect()),
    b"GETQUOTA": get_quota,
    b"GETQUOTAROOT": of_mailbox(GetQuotaRoot),
    b"SETQUOTA": set_quota,
    b"NOTIFY": notify,
    b"FETCH": by_number(fetch),
    b"UID FETCH": by_uid(fetch),
    b"STORE": by_number(store),
    b"UID STORE": by_uid(store),
    b"COPY": by_number(copy),
    b"UID COPY": by_uid(copy),
    b"MOVE": by_number(move),
    b"UID MOVE": by_uid(move),
    b"EXPUNGE": by_number(expunge),
    b"UID EXPUNGE": by_uid(expunge),
    b"SEARCH": by_number(search),
    b"UID SEARCH": by_uid(search),
    b"SORT": by_number(sort),
    b"UID SORT": by_uid(sort),
    b"THREAD": by_number(thread),
    b"UID THREAD": by_uid(thread),
}

_SECRET = (b"LOGIN", b"AUTHENTICATE")

# command = tag SP (...) CRLF
_HEAD = re.compile(rb"(%b) ((?:[Uu][Ii][Dd] )?[A-Za-z]+)(?= |\Z)" % TAG.pattern)
_TAG = re.compile(rb"(%b)(?: |\Z)" % TAG.pattern)
_APPEND = re.compile(rb"%b APPEND " % TAG.pattern, re.IGNORECASE)


def read_command(parts: Sequence[Part], mode: Mode = REV1) -> Tagged:
    """Return the command. Raises BadSyntax, and the kinds of it, with the tag.

    Spaces at its end are left out of account, as some clients write them.
    """
    last = parts[-1]
    if isinstance(last, bytes) and last.endswith(b" "):
        parts = (*parts[:-1], last.rstrip(b" "))
    cursor = Cursor(parts, mode)
    head = _HEAD.match(cursor.text)
    if not head:
        raise _no_command(cursor.text)
    tag, name = head[1], head[2].upper()
    cursor.at = head.end()
    cursor.secret = name in _SECRET
    return Tagged(tag, name, _with_tag(tag, READERS.get(name, _unknown), cursor))


def _unknown(cursor: Cursor) -> Command:
    name = cursor.text[: cursor.at].split(b" ", 1)[1]
    raise UnknownCommand(f"There is no command {name[:40].decode().upper()}")


def _no_command(text: bytes) -> BadSyntax:
    tag = _TAG.match(text)
    if not tag:
        return BadSyntax("A command begins with a tag, such as a1 NOOP")
    fault = BadSyntax("The name of a command follows its tag")
    fault.tag = tag[1]
    return fault


def read_announced(parts: Sequence[Part], mode: Mode = REV1) -> Tagged | None:
    """Return the APPEND of the message that is announced, the last of `parts`, with this message
    alone; None where the literal is an argument, of APPEND or of another command.

    Raises BadSyntax where the message need not come, as the command is wrong.
    """
    text = parts[0]
    if isinstance(text, Literal) or not (head := _APPEND.match(text)):
        return None
    if len(parts) == 2 and head.end() == len(text):  # the mailbox
        return None
    cursor = Cursor(parts, mode)
    cursor.at = head.end() - 1
    tag = text.partition(b" ")[0]
    return Tagged(tag, b"APPEND", _with_tag(tag, announced, cursor))


def _with_tag(tag: bytes, read: Reader, cursor: Cursor) -> Command:
    """Read up to the end. A fault is raised with the tag."""
    try:
        command = read(cursor)
        cursor.end()
    except BadSyntax as fault:
        fault.tag = tag
        raise
    return command


def is_done(parts: Sequence[Part]) -> bool:
    """Whether it is the line that ends IDLE (RFC 9051 §6.3.13)."""
    first = parts[0]
    return len(parts) == 1 and isinstance(first, bytes) and first.strip(b" ").upper() == b"DONE"

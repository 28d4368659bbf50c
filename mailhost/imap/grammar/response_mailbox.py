"""Writes the lines about mailboxes: LIST, STATUS, quotas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailhost.imap.grammar.commands_mailbox import StatusItem
from mailhost.imap.grammar.response import delimiter_of
from mailhost.imap.grammar.strings import astring, mailbox, string
from mailhost.message.imap.strings import NIL

StatusValue = int | str | None


def list_line(
    name: str,
    attributes: Iterable[str] = (),
    delimiter: str | None = "/",
    *,
    children: Sequence[str] = (),
    old_name: str | None = None,
    utf8: bool = False,
    command: bytes = b"LIST",
) -> bytes:
    """Return a line of LIST, or of LSUB as `command`.

    `attributes` have their backslash. `children` are the selection options that mailboxes below
    this one match (CHILDINFO); `old_name` is what the client called it (OLDNAME).

    mailbox-list = "(" [mbx-list-flags] ")" SP (DQUOTE QUOTED-CHAR DQUOTE / nil) SP mailbox
                   [SP mbox-list-extended]
    """
    line = b"* %b (%b) %b %b" % (
        command,
        " ".join(attributes).encode("ascii"),
        delimiter_of(delimiter),
        mailbox(name, utf8=utf8),
    )
    extended = []
    if children:
        options = b" ".join(string(option.encode()) for option in children)
        extended.append(b'"CHILDINFO" (%b)' % options)
    if old_name is not None:
        extended.append(b'"OLDNAME" (%b)' % mailbox(old_name, utf8=utf8))
    if extended:
        line += b" (%b)" % b" ".join(extended)
    return line + b"\r\n"


def status_line(
    name: str, values: Mapping[StatusItem, StatusValue], *, utf8: bool = False
) -> bytes:
    """Return a line of STATUS. MAILBOXID is a text; APPENDLIMIT may be None, for no limit.

    status-att-list = status-att-val *(SP status-att-val)
    """
    items = b" ".join([_status_value(item, value) for item, value in values.items()])
    return b"* STATUS %b (%b)\r\n" % (mailbox(name, utf8=utf8), items)


def _status_value(item: StatusItem, value: StatusValue) -> bytes:
    if isinstance(value, str):
        return b"%b (%b)" % (item.value, value.encode("ascii"))
    return b"%b %b" % (item.value, NIL if value is None else b"%d" % value)


def quota(root: str, resources: Iterable[tuple[str, int, int]]) -> bytes:
    """Return a QUOTA line: resources with their usage and limit. STORAGE counts in units of 1024
    octets (RFC 9208 §5.1)."""
    texts = (b"%b %d %d" % (name.encode(), usage, limit) for name, usage, limit in resources)
    return b"* QUOTA %b (%b)\r\n" % (_root(root), b" ".join(texts))


def quota_root(name: str, roots: Iterable[str], *, utf8: bool = False) -> bytes:
    """Return a QUOTAROOT line: the quota roots of a mailbox (RFC 9208 §4.2)."""
    texts = (b" " + _root(root) for root in roots)
    return b"* QUOTAROOT %b%b\r\n" % (mailbox(name, utf8=utf8), b"".join(texts))


def _root(root: str) -> bytes:
    return astring(root.encode())

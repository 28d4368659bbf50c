"""The unique-ids and the order of messages in POP3 (RFC 1939 §7 UIDL), for a Maildir that another
host has served before.

Our own unique-ids are the names of files. The clients of an adopted Maildir know those of Dovecot:
what `P` in `dovecot-uidlist` says, else UID and UIDVALIDITY as 16 hexadecimal digits, which is its
default (`pop3_uidl_format = %08Xu%08Xv`). Messages with `O` come first, in that order.

`mailhost-adopted` has the UIDVALIDITY of the list that was there before us and its next UID: only
messages below it keep their unique-ids of Dovecot's. It is written before we make a list of our own
and before the first session of POP3; a Maildir that has our POP3 lock is not adopted. So no
unique-id that a client knows changes. Everything blocks.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from mailhost.durable.system import OperatingSystem
from mailhost.store.maildir.filename import MessageName, arrival, unique_id
from mailhost.store.maildir.flags import base_of
from mailhost.store.maildir.uid_list import UidList, extensions_of, parse
from mailhost.store.maildir.uid_list_file import NAME as UID_LIST
from mailhost.store.maildir.whole_file import read_file, replace_file

NAME = "mailhost-adopted"
LOCK_FILE = "pop3.lock"
_UNIQUE_ID = re.compile(r"[\x21-\x7e]{1,70}")
_MARK = re.compile(rb"([0-9]{1,10}) ([0-9]{1,10})\n")

Rank: TypeAlias = tuple[int, int, int, int, str]
"""Return the key by which the messages of a Maildir are sorted."""


@dataclass(frozen=True, slots=True)
class Uidls:
    """`known` has the unique-ids by base name of those messages that keep others than their names,
    `orders` and `uids` the places of listed messages in an adopted Maildir."""

    known: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    orders: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    uids: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, file: str, name: MessageName) -> str:
        """Return the unique-id of the message in `file`, whose name is `name`."""
        known = self.known.get(base_of(file)) if self.known else None
        return known or unique_id(name.unique)

    def rank(self, file: str, name: MessageName) -> Rank:
        """Return the place of the message among the others."""
        base = base_of(file) if self.uids else ""
        if base in self.orders:
            return 0, self.orders[base], self.uids[base], 0, ""
        if base in self.uids:
            return 1, self.uids[base], 0, 0, ""
        return (2, 0, *arrival(name.unique))


BY_NAME = Uidls()


def read_uidls(path: str) -> Uidls:
    """Return the unique-ids in the Maildir at `path`. Raises OSError."""
    match = _MARK.fullmatch(read_file(os.path.join(path, NAME)) or b"")
    if match is None or int(match[2]) <= 1:
        return BY_NAME
    uid_list = parse(read_file(os.path.join(path, UID_LIST)) or b"")
    if uid_list is None or uid_list.header.uid_validity != int(match[1]):
        return BY_NAME
    return _of_list(uid_list, int(match[2]))


def _of_list(uid_list: UidList, end: int) -> Uidls:
    known: dict[str, str] = {}
    orders: dict[str, int] = {}
    taken: set[str] = set()
    validity = uid_list.header.uid_validity
    for base, uid in uid_list.uids.items():
        said = extensions_of(uid_list.extensions.get(uid, ""))
        uidl = said.pop3_uidl or ""
        if not _UNIQUE_ID.fullmatch(uidl) or uidl in taken:
            uidl = f"{uid:08x}{validity:08x}" if uid < end else ""
        if uidl and uidl not in taken:
            known[base] = uidl
            taken.add(uidl)
        if said.pop3_order is not None:
            orders[base] = said.pop3_order
    return Uidls(known, orders, uid_list.uids)


def settle_adoption(system: OperatingSystem, path: str, makes_list: bool) -> None:
    """Decide once whether the Maildir at `path` is one that another host has served.

    To be called before our POP3 lock is made there, and with `makes_list` before a UID list of
    ours is. Raises OSError.
    """
    mark = os.path.join(path, NAME)
    if os.path.exists(mark):
        return
    uid_list = parse(read_file(os.path.join(path, UID_LIST)) or b"")
    if uid_list is None and not makes_list:
        return
    validity, end = 0, 1
    if uid_list is not None and not os.path.exists(os.path.join(path, LOCK_FILE)):
        validity, end = uid_list.header.uid_validity, uid_list.next_uid
    replace_file(system, mark, f"{mark}.{os.getpid()}.tmp", b"%d %d\n" % (validity, end))

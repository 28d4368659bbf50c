"""Compares a key with the replies of DNS servers for its record."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Interface

from mailhost.dkim.key_record import is_same_key
from mailhost.interfaces.dns import Found, Reply
from mailhost.interfaces.signing import DomainKey, Shown


class IServers(Interface):
    """Asks each DNS server that the host knows."""

    def ask_all(name: str) -> Awaitable[Sequence[Reply[bytes]]]:
        """Return the reply of each server to a question for TXT records, none of them from a cache
        of this host. Raises nothing."""


def shown_by(key: DomainKey, replies: Sequence[Reply[bytes]]) -> Shown:
    """Return what servers show of a key, the worst first. Servers that did not answer do not
    count, unless none did."""
    found = {_shown_by_one(key, reply) for reply in replies}
    for each in (Shown.DIFFERENT, Shown.MISSING, Shown.YES):
        if each in found:
            return each
    return Shown.UNKNOWN


def _shown_by_one(key: DomainKey, reply: Reply[bytes]) -> Shown:
    if reply.found is Found.FAILED:
        return Shown.UNKNOWN
    if reply.found is not Found.RECORDS:
        return Shown.MISSING
    same = len(reply.records) == 1 and is_same_key(key.record, reply.records[0])
    return Shown.YES if same else Shown.DIFFERENT

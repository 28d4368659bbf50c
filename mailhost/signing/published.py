"""Compares a key with the replies of DNS servers for its record."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence

from zope.interface import Interface

from mailhost.dkim.key_record import BadKey, parse_key_record
from mailhost.interfaces.dns import Found, Reply
from mailhost.interfaces.signing import DomainKey, Shown
from mailhost.message.tag_list import parse_tags, without_blanks


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
    same = len(reply.records) == 1 and _is_same(key, reply.records[0])
    return Shown.YES if same else Shown.DIFFERENT


def _is_same(key: DomainKey, record: bytes) -> bool:
    """True if a verifier finds this key in a record, however it is written."""
    try:
        parse_key_record(record)
    except BadKey:
        return False
    tags = parse_tags(record.decode("utf-8", "replace"))
    ours = parse_tags(key.record)
    return tags.get("k", "rsa").lower() == key.algorithm and _octets(tags) == _octets(ours)


def _octets(tags: dict[str, str]) -> str:
    return without_blanks(tags["p"])

"""The key of the next certificate for the host's name, in certificates/HOSTNAME.next-key.

It is made as soon as the former key is in use. So the TLSA record of a key can be in DNS, and in
the caches of other hosts, long before a certificate has the key (RFC 7671 §8.1). While DNS has TLSA
records for the present key and none for the next one, renewed certificates have the present key:
other hosts would not deliver to a host whose key fits no record.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from mailhost.certificates.folder import FOLDER
from mailhost.certificates.keys import key_pem, kind_of, make_key
from mailhost.concurrency.threads import InThread
from mailhost.config.acme import KeyKind
from mailhost.dane.records import DANE_EE, PUBLIC_KEY, matches, usable
from mailhost.durable.replacing import replace_file
from mailhost.interfaces.changes import Change, Results
from mailhost.interfaces.dns import Found, Reply, TLSARecord

Commit: TypeAlias = Callable[[Sequence[Change]], Results]
"""Makes changes durable, and blocks."""
AskTLSA: TypeAlias = Callable[[str], Awaitable[Reply[TLSARecord]]]
"""Returns the TLSA records at port 25 of a host."""


def next_key_path(data: str, hostname: str) -> str:
    """Return the path of the next key in a data folder."""
    return os.path.join(data, FOLDER, f"{hostname}.next-key")


def read_next_key(data: str, hostname: str) -> bytes | None:
    """Return the next key in PEM, None for none. Blocks. Raises OSError."""
    try:
        with open(next_key_path(data, hostname), "rb") as file:
            octets = file.read()
        load_pem_private_key(octets, password=None)
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return octets


def public_of(key: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a private key in PEM, in DER."""
    loaded: PrivateKeyTypes = load_pem_private_key(key, password=None)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return loaded.public_key().public_bytes(*form)


class NextKeys:
    """`ask` looks up the TLSA records at port 25 of a host; `commit` makes changes durable."""

    def __init__(self, data: str, commit: Commit, in_thread: InThread, ask: AskTLSA) -> None:
        self._data = data
        self._commit = commit
        self._in_thread = in_thread
        self._ask = ask

    async def ensure(self, hostname: str, present: bytes, kind: KeyKind) -> None:
        """Have a next key of this kind that is not the present one. Raises OSError."""
        await self._in_thread(partial(self._ensure, hostname, present, kind))

    def _ensure(self, hostname: str, present: bytes, kind: KeyKind) -> None:
        found = read_next_key(self._data, hostname)
        if found is None or _kind(found) is not kind or public_of(found) == public_of(present):
            path = next_key_path(self._data, hostname)
            replace_file(self._commit, path, key_pem(make_key(kind)))

    async def choose(self, hostname: str, present: bytes, kind: KeyKind) -> bytes | None:
        """Return the key of the certificate that replaces the one with the key `present`; None for
        a new key. Raises OSError."""
        found = await self._in_thread(partial(read_next_key, self._data, hostname))
        if found is None or _kind(found) is not kind:
            return None
        if _kind(present) is not kind:
            return found  # the settings ask for another kind
        reply = await self._ask(hostname)
        if reply.found is Found.FAILED:
            return present  # there may be records for the present key alone
        records = [each for each in usable(reply.records) if _is_for_key(each)]
        lacking = _any_is_for(records, present) and not _any_is_for(records, found)
        return present if lacking else found


def _kind(key: bytes) -> KeyKind | None:
    return kind_of(load_pem_private_key(key, password=None))


def _is_for_key(record: TLSARecord) -> bool:
    return record.usage == DANE_EE and record.selector == PUBLIC_KEY


def _any_is_for(records: Sequence[TLSARecord], key: bytes) -> bool:
    public = public_of(key)
    return any(matches(record, b"", public) for record in records)

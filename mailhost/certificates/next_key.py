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
from mailhost.certificates.keys import kind_of, make_key
from mailhost.concurrency.threads import InThread
from mailhost.config.acme import KeyKind
from mailhost.dane.records import DANE_EE, PUBLIC_KEY, matches, usable
from mailhost.durable.replacing import replace_file
from mailhost.interfaces.changes import Change, Results
from mailhost.interfaces.dns import Found, Reply, TLSARecord

Commit: TypeAlias = Callable[[Sequence[Change]], Results]
"""Makes changes durable, and blocks."""
AskTLSA: TypeAlias = Callable[[], Awaitable[Reply[TLSARecord]]]
"""Returns the TLSA records at port 25 of the host's name."""


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


def is_kind(key: bytes, kind: KeyKind) -> bool:
    """True for a private key in PEM of this kind."""
    return kind_of(load_pem_private_key(key, password=None)) is kind


def public_of(key: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a private key in PEM, in DER."""
    loaded: PrivateKeyTypes = load_pem_private_key(key, password=None)
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return loaded.public_key().public_bytes(*form)


class NextKey:
    """The next key of one host. `ask` looks up the TLSA records."""

    def __init__(
        self, data: str, hostname: str, commit: Commit, in_thread: InThread, ask: AskTLSA
    ) -> None:
        self._data = data
        self._hostname = hostname
        self._commit = commit
        self._in_thread = in_thread
        self._ask = ask

    async def ensure(self, present: bytes, kind: KeyKind) -> None:
        """Have a next key of this kind that is not the present one. Raises OSError."""
        await self._in_thread(partial(self._ensure, present, kind))

    def _ensure(self, present: bytes, kind: KeyKind) -> None:
        found = read_next_key(self._data, self._hostname)
        same_kind = found is not None and is_kind(found, kind)
        if found is not None and same_kind and public_of(found) != public_of(present):
            return
        path = next_key_path(self._data, self._hostname)
        replace_file(self._commit, path, make_key(kind))

    async def choose(self, present: bytes | None, kind: KeyKind) -> bytes | None:
        """Return the key for a new certificate, None for any. `present` is that of the certificate
        that is renewed, None for the first. Raises OSError."""
        found = await self._in_thread(partial(read_next_key, self._data, self._hostname))
        if present is None or found is None:
            return found
        reply = await self._ask()
        if reply.found is Found.FAILED:
            return present  # records may be there that are for the present key
        records = [each for each in usable(reply.records) if _is_for_key(each)]
        if _any_is_for(records, present) and not _any_is_for(records, found):
            return present
        return found if is_kind(found, kind) else None


def _is_for_key(record: TLSARecord) -> bool:
    return record.usage == DANE_EE and record.selector == PUBLIC_KEY


def _any_is_for(records: Sequence[TLSARecord], key: bytes) -> bool:
    public = public_of(key)
    return any(matches(record, b"", public) for record in records)

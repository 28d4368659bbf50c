"""Ids of accounts: 32 hexadecimal digits that stay the same when the address changes.

An account of the database gets a random id when it is added. An account of the settings file has
the `id` that is written there, or else an id that is computed from its address: the host never
writes the settings file, and all processes and all starts must see the same id.
"""

from __future__ import annotations

import hashlib
import secrets

from mailhost.message.address import Address


def new_account_id() -> str:
    """Return a random id of 128 bits."""
    return secrets.token_hex(16)


def id_of_address(address: Address) -> str:
    """Return the id of an account of the settings file that has no `id` there."""
    text = f"mailhost account {address.key}@{address.domain}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]

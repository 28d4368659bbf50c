"""The URI of a mail address, as records for reports have it."""

from __future__ import annotations

from urllib.parse import quote

from mailhost.message.address import Address


def mailto(address: Address) -> str:
    """Return the URI of an address. Commas and exclamation marks have a meaning in rua, and are
    encoded (RFC 6068 §2, RFC 7489 §6.2, RFC 8460 §3)."""
    return f"mailto:{quote(address.local, safe='+')}@{address.domain}"

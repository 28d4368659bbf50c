"""User names that may be logged: people type their password where the name belongs.

A name is logged if it is an address in a domain served here, in the host's own domain or one above
that; or the bare name of an account. The guard adds names that logged in since the start.
"""

from __future__ import annotations

from mailhost.authentication.guard import parse_username
from mailhost.message.accounts import DirectoryView


def may_be_shown(username: str, view: DirectoryView, hostname: str) -> bool:
    """True for a user name that is hardly a password."""
    name = parse_username(username)
    if name is not None:
        return view.domain(name.domain) is not None or _is_above(name.domain, hostname)
    key = username.lower()
    return any(key in domain.accounts for domain in view.domains.values())


def _is_above(domain: str, hostname: str) -> bool:
    """True for the host's own name, and those above it that have a dot."""
    return "." in domain and f".{hostname}".endswith(f".{domain}")

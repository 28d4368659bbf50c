"""Decides which user names may be logged: some users type their password in place of their name.

A name may be logged if it is an address in a domain of this host, in the host's own name or a
domain above that, or if it is the name of an account without its domain. The guard adds names that
logged in since the start.
"""

from __future__ import annotations

from mailhost.interfaces.accounts import DirectoryView
from mailhost.logins.guard import parse_username


def may_be_shown(username: str, view: DirectoryView, hostname: str) -> bool:
    """True for a user name that is probably no password."""
    name = parse_username(username)
    if name is not None:
        return view.domain(name.domain) is not None or _is_above(name.domain, hostname)
    key = username.lower()
    return any(key in domain.accounts for domain in view.domains.values())


def _is_above(domain: str, hostname: str) -> bool:
    """True for the host's own name, and for domains above it that have a dot."""
    return "." in domain and f".{hostname}".endswith(f".{domain}")

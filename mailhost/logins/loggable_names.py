"""Decides which user names may be logged, because some users type their password in place of their
name.

A name may be logged if it is an address whose domain is a domain of this host, the hostname, or a
domain above the hostname. It may also be logged if it is the local part of an account. The guard
also logs names with which a login succeeded since the start.
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
    """True for the hostname, and for domains above it that have a dot."""
    return "." in domain and f".{hostname}".endswith(f".{domain}")

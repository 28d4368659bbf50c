"""Derives the domain of an organization from the name of a client, to tell organizations apart."""

from __future__ import annotations

import re

from mailhost.interfaces.dns import is_for_tests
from mailhost.message.client import plain_address

LONGEST_NAME = 255  # octets, RFC 5321 §4.5.3.1.2
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+")
# top-level domains of names that only an inner network knows (RFC 6762, RFC 8375, and custom)
_INNER = frozenset({"local", "localdomain", "lan", "internal", "intranet", "home", "corp", "arpa"})


def domain_of(name: str) -> str:
    """Return the domain of an organization from a name in HELO or of a sender, empty for a name
    without an organization: a name without a dot, an address, a name that only an inner network
    knows.

    Without a list of public suffixes two labels are taken, or three where the second is as short as
    in `co.uk`. In doubt, two names count as one domain.
    """
    name = name.rstrip(".").lower()
    if len(name) > LONGEST_NAME or not _NAME.fullmatch(name) or _is_address(name):
        return ""
    labels = name.split(".")
    if labels[-1] in _INNER or is_for_tests(name):
        return ""
    short = len(labels[-1]) == 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if short else labels[-2:])


def _is_address(name: str) -> bool:
    try:
        plain_address(name)
    except ValueError:
        return False
    return True

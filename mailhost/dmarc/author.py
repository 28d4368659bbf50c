"""The author's domain of a message, which DMARC is about (RFC 9989 §5.3.1)."""

from __future__ import annotations

from mailhost.message.address import BadAddress
from mailhost.message.header import addresses, values


class NoAuthorDomain(ValueError):
    """A message without exactly one From field, or with authors of several domains; the text of
    the exception says which."""


def author_domain(header: bytes) -> str:
    """Return the domain of the From field in A-labels and lower case. Raises NoAuthorDomain."""
    found = values(header, "From")
    if len(found) != 1:
        raise NoAuthorDomain(f"the message has {len(found)} From fields")
    try:
        domains = {address.domain for address in addresses(found[0])}
    except BadAddress as bad:
        why = str(bad).encode("ascii", "backslashreplace").decode()
        raise NoAuthorDomain(f"the From field cannot be read: {why[:200]}") from bad
    if len(domains) != 1:
        raise NoAuthorDomain("the From field has addresses of several domains")
    [domain] = domains
    if not domain or domain.startswith("["):
        raise NoAuthorDomain("the author has no domain name")
    return domain

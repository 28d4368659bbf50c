"""Reads a header section: its author, signatures, seals and lists. Without I/O.

For a hostile header section of 512 KiB this takes up to 0.2 s.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.arc.chain import Chain, read_chain
from mailhost.dkim.body import BodyForm
from mailhost.dkim.signature import Signature, Unreadable, read_signatures
from mailhost.dmarc.author import NoAuthorDomain, author_domain
from mailhost.message.header import values

MOST_LIST_IDS = 3
LONGEST_LIST_ID = 1000  # characters of a List-Id field that is read
_LIST_ID = re.compile(r"<([^<>\s]+)>\s*\Z|\A([^<>\s]+)\Z")  # RFC 2919 §3


@dataclass(frozen=True, slots=True)
class HeaderClaims:
    """The claims of a header section. `author` is empty for a message without a single author's
    domain, and `fault` says why."""

    author: str
    fault: str
    signatures: Sequence[Signature | Unreadable]
    chain: Chain
    list_ids: tuple[str, ...]

    @property
    def body_forms(self) -> frozenset[BodyForm]:
        """The forms in which the body is hashed, for all signatures and the chain."""
        signed = (each.body_form for each in self.signatures if isinstance(each, Signature))
        return frozenset(signed).union(self.chain.body_forms)


def read_claims(header: bytes) -> HeaderClaims:
    """Return what a header section says."""
    author, fault = _author(header)
    return HeaderClaims(author, fault, read_signatures(header), read_chain(header), _lists(header))


def _author(header: bytes) -> tuple[str, str]:
    try:
        return author_domain(header), ""
    except NoAuthorDomain as fault:
        return "", str(fault)


def _lists(header: bytes) -> tuple[str, ...]:
    found = values(header, "List-Id")[:MOST_LIST_IDS]
    matches = (_LIST_ID.search(each) for each in found if len(each) <= LONGEST_LIST_ID)
    return tuple((match[1] or match[2]).lower() for match in matches if match)

"""Forwarders and lists that the settings trust: their changes to a message are no forgery.

A trusted sealer of ARC counts where it says that DMARC passed when it received the message, and
where all later sealers are trusted too. Anybody can write a List-Id, so that of a trusted list
counts only with a pass of SPF or DKIM for a domain that the List-Id is below.
"""

from __future__ import annotations

import re

from mailhost.arc.verify import ARCStatus
from mailhost.config.filters.authenticity import Authenticity
from mailhost.message.domains import is_at_or_below
from mailhost.reception.filters.authenticity.evidence import Evidence

_DMARC_PASS = re.compile(r"(?:^|;)\s*dmarc\s*=\s*pass\b([^;]*)", re.IGNORECASE)
_FROM = re.compile(r"\bheader\.from\s*=\s*([^\s;]+)", re.IGNORECASE)
# a quoted string, or a comment that may have comments in it
_QUOTED = r'"((?:[^"\\]|\\.)*)"'
_PLAIN = r"[^()\\]|\\."
_QUOTED_OR_COMMENT = re.compile(rf"{_QUOTED}|\((?:{_PLAIN}|\((?:{_PLAIN})*\))*\)", re.DOTALL)
_NOT_IN_NAMES = re.compile(r"[^\w.@+-]")


def forwarder_reason(evidence: Evidence, settings: Authenticity) -> str:
    """Return why a trusted forwarder vouches for a message, empty where none does."""
    sealer = _trusted_sealer(evidence, frozenset(settings.trusted_sealers))
    if sealer:
        return f"{sealer}, a trusted sealer, says that DMARC passed there"
    trusted = {each.lower().strip("<>") for each in settings.trusted_lists}
    for list_id in trusted.intersection(evidence.list_ids):
        if any(is_at_or_below(list_id, domain) for domain in evidence.passing):
            return f"{list_id} is a trusted list"
    return ""


def _trusted_sealer(evidence: Evidence, trusted: frozenset[str]) -> str:
    if evidence.arc.status is not ARCStatus.PASS:
        return ""
    for each in reversed(evidence.arc.sets):
        if each.seal.domain not in trusted:
            return ""
        if says_dmarc_passed(each.text, evidence.dmarc.domain):
            return each.seal.domain
    return ""


def says_dmarc_passed(results: str, author: str) -> bool:
    """True where the value of an ARC-Authentication-Results field has a pass of DMARC for this
    domain. Quoted strings and comments may have texts of the sender, such as the name in HELO, so a
    pass in them does not count."""
    bare = _QUOTED_OR_COMMENT.sub(_without_signs, results)
    if not author or '"' in bare or "(" in bare:
        return False
    for match in _DMARC_PASS.finditer(bare):
        named = _FROM.search(match[1])
        if named is None or named[1].lower().rpartition("@")[2] == author:
            return True
    return False


def _without_signs(match: re.Match[str]) -> str:
    """Return a quoted string without what has a meaning outside of one, and no comment."""
    return _NOT_IN_NAMES.sub("_", match[1]) if match[1] is not None else " "

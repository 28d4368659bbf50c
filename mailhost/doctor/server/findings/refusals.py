"""Recognises in the text of a refusal why the server refuses: a blocklist, or greylisting."""

from __future__ import annotations

import re

from mailhost.doctor.finding import Fault
from mailhost.doctor.server.record import Answer

BLOCKLISTED = Fault(
    "blocklisted", "The server asks a blocklist, and the list has the address of this machine."
)
GREYLISTED = Fault(
    "greylisted", "The server defers the first message of each unknown sender for some minutes."
)
_BLOCKLIST = re.compile(
    r"block(ed|list)|black ?list|blacklisted|dnsbl|\brbl\b|spamhaus|spamcop|barracuda|sorbs"
    r"|\blisted (in|by|at|on)\b",
    re.IGNORECASE,
)
_GREYLIST = re.compile(r"gr[ae]y-? ?list|postgrey|try again (in|later|after)", re.IGNORECASE)
_LINK = re.compile(r"https?://[^\s<>\"'()\[\]]{3,200}")


def is_blocklist(text: str) -> bool:
    """Return True if the text of a refusal names a blocklist."""
    return bool(_BLOCKLIST.search(text))


def is_greylisting(answer: Answer) -> bool:
    """Return True for a reply to RCPT with which servers greylist: 450 or 451, and 4.7.1 or a text
    that says so."""
    if answer.code not in (450, 451):
        return False
    return "4.7.1" in answer.text or bool(_GREYLIST.search(answer.text))


def link_in(text: str) -> str:
    """Return the first link in a text without trailing punctuation, empty for none."""
    found = _LINK.search(text)
    return found[0].rstrip(".,;:!?") if found else ""


def blocklist_remedy(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the remedy for a blocklist refusal, and the link to follow."""
    link = link_in(text)
    if link:
        return (
            "Read why the address is listed, remove the cause, and ask for removal from the list:",
            (link,),
        )
    return "Look the address up at the blocklist that the reply names, and ask for removal.", ()

"""The reasons that events are counted under, from fixed sets of words, so that no client and no
other server can make a process keep many counts."""

from __future__ import annotations

from functools import lru_cache

from mailhost.message.status import Status

OTHER = "other"

_LIMIT_CODES = ("4.3.2", "4.7.0")  # of the replies to connections beyond the limits
_SUBJECTS = {  # RFC 3463 §3: the subject of an enhanced code
    "1": "recipient",
    "2": "mailbox",
    "3": "system",
    "4": "network",
    "5": "command",
    "6": "content",
    "7": "policy",
}
_DETAILS = {  # RFC 3463 §3 and RFC 7372: subject and detail
    "1.7": "sender",
    "1.8": "sender",
    "2.2": "mailbox_full",
    "3.1": "storage",
    "3.4": "size",
    "4.2": "connection_lost",
    "4.6": "loop",
    "7.5": "tls",
    "7.8": "login",
    "7.11": "login",
    **{f"7.{detail}": "sender_authentication" for detail in range(20, 30)},
}
REFUSAL_REASONS = tuple(
    sorted({"connection_limit", OTHER, *_SUBJECTS.values(), *_DETAILS.values()})
)

_PARTS = {  # places of faults, or their first words
    "DMARC": "reports",
    "MTA-STS": "relay",
    "TLS": "reports",
    "another": "workers",
    "certificates": "certificates",
    "client": "doctor",
    "data": "settings",
    "delivery": "delivery",
    "directory": "directory",
    "dkim": "dkim",
    "doctor": "doctor",
    "events": "filters",
    "filter": "filters",
    "handover": "delivery",
    "housekeeping": "housekeeping",
    "last": "logins",
    "limits": "settings",
    "list": "filters",
    "listen": "settings",
    "log": "log",
    "queue": "queue",
    "relay": "relay",
    "reload": "settings",
    "reports": "reports",
    "settings": "settings",
    "the": "writer",
    "trace": "trace",
    "worker": "workers",
    "workers": "workers",
}
FAULT_PARTS = tuple(sorted({OTHER, *_PARTS.values()}))

MECHANISMS = ("LOGIN", "PLAIN", "SCRAM-SHA-256", "USER/PASS", OTHER)


def known_mechanism(name: str) -> str:
    """Return one of MECHANISMS: through the proxy, clients log in by those of another server."""
    return name if name in MECHANISMS else OTHER


def reason_of_refusal(what: str, status: Status) -> str:
    """Return one of REFUSAL_REASONS for the refusal of `what`, a command or another step of a
    client."""
    return _reason(what.partition(" ")[0], status.enhanced)


@lru_cache(1000)
def _reason(step: str, enhanced: str) -> str:
    if step == "connection" and enhanced in _LIMIT_CODES:
        return "connection_limit"
    if step == "TLS":
        return "tls"
    if step == "AUTH":
        return "login"
    code = enhanced.partition(".")[2]
    return _DETAILS.get(code) or _SUBJECTS.get(code.partition(".")[0], OTHER)


def part_of_fault(where: str) -> str:
    """Return which of FAULT_PARTS of the host has a fault at this place."""
    return _PARTS.get(where.partition(" ")[0].rstrip(","), OTHER)

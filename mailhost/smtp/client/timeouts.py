"""The timeouts of an SMTP client for each kind of reply (RFC 5321 §4.5.3.2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds, with the values of the RFC as defaults. `block` is for one block of content, `end`
    for the reply to the content."""

    greeting: float = 300.0
    command: float = 300.0
    data: float = 120.0
    block: float = 180.0
    end: float = 600.0
    quit: float = 10.0

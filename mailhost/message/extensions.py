"""What a client may ask for beyond plain SMTP, as far as it depends on who takes the mail."""

from __future__ import annotations

from dataclasses import dataclass

EVERYTHING = frozenset({"8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"})
# Any message may go on to another host, by an alias or from a user, and hardly a host takes
# BINARYMIME; the sender's program encodes what the reader's host may not take (RFC 3030 §4.2).
OWN = EVERYTHING - {"BINARYMIME"}


@dataclass(frozen=True, slots=True)
class Extensions:
    """`offered` are keywords of EHLO. `message_size` is in octets, `recipients` in one message."""

    message_size: int
    recipients: int
    offered: frozenset[str] = OWN

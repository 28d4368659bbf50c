"""The SMTP extensions and limits that a reception offers to a client."""

from __future__ import annotations

from dataclasses import dataclass, replace

EVERYTHING = frozenset(
    {"8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES", "REQUIRETLS"}
)
# The offer of the host itself, not of a proxy. Any message may be sent on to another host, by an
# alias or a user, and hardly any host offers BINARYMIME (RFC 3030 §3). Without the offer, clients
# encode binary parts themselves.
OWN = EVERYTHING - {"BINARYMIME"}


@dataclass(frozen=True, slots=True)
class Extensions:
    """`offered` are keywords of EHLO, of which REQUIRETLS is offered over TLS only (RFC 8689 §2).
    `message_size` is in octets, `recipients` in one message.

    `ignored` are keywords that are not offered; clients that use them nevertheless are not refused.
    """

    message_size: int
    recipients: int
    offered: frozenset[str] = OWN
    ignored: frozenset[str] = frozenset()

    def ignoring(self, *text: str) -> Extensions:
        """Return a copy that does not offer these keywords and ignores them."""
        return replace(self, offered=self.offered.difference(text), ignored=frozenset(text))

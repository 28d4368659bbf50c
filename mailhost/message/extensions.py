"""What a client may ask for beyond plain SMTP, as far as it depends on who takes the mail."""

from __future__ import annotations

from dataclasses import dataclass, replace

EVERYTHING = frozenset({"8BITMIME", "BINARYMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"})
# The host's own offer. Any message may go on to another host, by an alias or from a user, and
# hardly a host takes BINARYMIME; without the offer the client encodes binary parts itself.
OWN = EVERYTHING - {"BINARYMIME"}


@dataclass(frozen=True, slots=True)
class Extensions:
    """`offered` are keywords of EHLO. `message_size` is in octets, `recipients` in one message.

    `ignored` is what is not offered, but refuses no mail of clients that ask for it all the same.
    """

    message_size: int
    recipients: int
    offered: frozenset[str] = OWN
    ignored: frozenset[str] = frozenset()

    def ignoring(self, *words: str) -> Extensions:
        """The same without some, which are ignored."""
        return replace(self, offered=self.offered.difference(words), ignored=frozenset(words))

"""A message that has passed the rules of a reception and has all its fields.

Filters are asked about such a message, and it is handed on after they have accepted it.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.message.content import Content
from mailhost.message.header import first_value


@dataclass(frozen=True, slots=True)
class Prepared:
    """The prepared message.

    `identity` and `message_id` (its Message-ID) name the message in the log. `received` is the
    Received field of this host, which is no part of `content`, so that filters cannot edit it.
    `top` are the octets that are put in front when the message is handed on: that field, or nothing
    in a transparent proxy.
    """

    content: Content
    received: bytes
    top: bytes
    identity: str
    message_id: str

    def subject(self) -> str:
        """Return the value of the Subject field, empty where there is none or the header section is
        too large to be kept in memory."""
        return first_value(self.content.known or b"", "Subject")

    def handed_on(self) -> Content:
        """Return the message as it is handed on."""
        return self.content.after(self.top, self.content.known) if self.top else self.content

    def held(self) -> Content:
        """Return the message as it is held in the quarantine, and as it leaves when released."""
        return self.content.after(self.received, self.content.known)

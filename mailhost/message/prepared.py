"""A message that passed the rules of the host and was completed: what filters are asked about, and
what is handed on after them."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.message.content import Content


@dataclass(frozen=True, slots=True)
class Prepared:
    """`identity` and `message_id` (its Message-ID) name the message in the log.

    `received` is our Received field, which is no part of `content`, so that filters cannot edit it.
    `top` is put on top when the message is handed on: the same field, or nothing in a transparent
    proxy.
    """

    content: Content
    received: bytes
    top: bytes
    identity: str
    message_id: str

    def handed_on(self) -> Content:
        """The message as it is handed on."""
        return self.content.after(self.top, self.content.known) if self.top else self.content

    def held(self) -> Content:
        """The message as it is held for an operator, and as it leaves once it is released."""
        return self.content.after(self.received, self.content.known)

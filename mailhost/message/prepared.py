"""A message that was judged and completed, between the rules of the host and the filters."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.message.content import Content


@dataclass(frozen=True, slots=True)
class Prepared:
    """A message that is complete and passed every rule of the host; `identity` is its name, and
    `message_id` its Message-ID, both for the log.

    `received` is our Received field. It is no part of `content`, so that filters do not edit it.
    `top` goes on top where the message is handed on: the same, or nothing in a transparent proxy.
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
        """The message as it waits for an operator: once released, it leaves as it is here."""
        return self.content.after(self.received, self.content.known)

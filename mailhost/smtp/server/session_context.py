"""The state that the commands of one SMTP session share, with its buffer and its replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.message.client import Client
from mailhost.message.status import OK, Status
from mailhost.net.read_buffer import ReadBuffer
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.replies import SMTPReplies
from mailhost.smtp.server.state import NEXT_STATE, SMTPState, why_not_now


class SessionContext:
    """`state` is the row of the state table, `extensions` are those that the client may ask for.

    `read` takes the next octets from `buffer`. It is `read_command` unless a command has more
    input: the responses of a login, or the content of a message.
    """

    __slots__ = ("buffer", "extensions", "options", "read", "read_command", "replies", "state")

    def __init__(
        self,
        options: SessionOptions,
        replies: SMTPReplies,
        read_command: Callable[[], Answer[bool]],
    ) -> None:
        self.options = options
        self.replies = replies
        self.read_command = read_command
        self.read = read_command
        self.buffer = ReadBuffer()
        self.state = SMTPState.GREETED
        self.extensions = options.extensions

    @property
    def client(self) -> Client:
        """The client, as far as it is known now."""
        return self.replies.client

    def update_client(self, **changes: Any) -> None:
        """Replace fields of `client`."""
        self.replies.client = replace(self.replies.client, **changes)

    @property
    def between_commands(self) -> bool:
        """True where the next octets are a command."""
        return self.read is self.read_command

    def then(self, answer: Answer[Any], use: Callable[[Any], Answer[bool]]) -> Answer[bool]:
        """Go on with an answer, unless the connection was lost meanwhile."""
        return then(answer, lambda result: not self.replies.over and use(result))

    def done(self, verb: bytes, status: Status = OK) -> bool:
        """The command succeeded: take the state that the table says, and reply."""
        self.state = NEXT_STATE[self.state][verb]
        return self.replies.write(status)

    def why_not_now(self, verb: bytes) -> Status:
        """Return the refusal of a command that the present state does not have."""
        return why_not_now(verb, self.state, self.options.lmtp)

"""The state that the commands of one SMTP session share, with its buffer and its replies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mailhost.concurrency.answers import then
from mailhost.interfaces.answer import Answer
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.status import OK, Status
from mailhost.net.account_sessions import AccountSessions
from mailhost.net.read_buffer import ReadBuffer
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.replies import SMTPReplies
from mailhost.smtp.server.state import NEXT_STATE, SMTPState, why_not_now


class SessionContext:
    """`state` is the row of the state table, `extensions` are those that the client may ask for.

    `read` takes the next octets from `buffer`. It is `read_command` unless a command has more
    input: the responses of a login, or the content of a message. `revoke` is called when the
    password of the login is revoked, or its account removed.
    """

    __slots__ = (
        "_login_mark",
        "_revoke",
        "_sessions",
        "buffer",
        "extensions",
        "options",
        "read",
        "read_command",
        "replies",
        "state",
    )

    def __init__(
        self,
        options: SessionOptions,
        replies: SMTPReplies,
        read_command: Callable[[], Answer[bool]],
        sessions: AccountSessions,
        revoke: Callable[[], None],
    ) -> None:
        self._sessions = sessions
        self._revoke = revoke
        self._login_mark = 0
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

    def login_begins(self) -> None:
        """A password that is revoked from now on does not log in."""
        self._login_mark = self._sessions.mark

    def log_in(self, account: Address) -> bool:
        """The client has proven to be this account. False if the password was revoked meanwhile."""
        if not self._sessions.add(account, self._revoke, self._login_mark):
            return False
        self.update_client(account=account)
        return True

    def log_out(self) -> None:
        """The client is nobody known."""
        if self.client.account is not None:
            self._sessions.remove(self.client.account, self._revoke)
            self.update_client(account=None)

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

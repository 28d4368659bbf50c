"""The commands of a client as values. The files beside this one have those of a subject;
`Command` is any of them."""

from __future__ import annotations

from dataclasses import dataclass

from mailhost.imap.grammar.commands_mailbox import MailboxCommand
from mailhost.imap.grammar.commands_message import MessageCommand
from mailhost.imap.grammar.commands_session import SessionCommand

Command = SessionCommand | MailboxCommand | MessageCommand


@dataclass(frozen=True, slots=True)
class Tagged:
    """A command with its tag and its name in capitals, such as `UID FETCH`."""

    tag: bytes
    name: bytes
    command: Command

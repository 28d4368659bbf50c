"""Mailboxes, their locks, and durable changes to files."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from zope.interface import Interface

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.changes import Change
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.status import Status


class IMailStore(Interface):
    """Every account's mailboxes."""

    def inbox(account: Address) -> IMailbox:
        """The account's INBOX. Costs nothing; it need not exist on disk yet."""

    def mailbox(account: Address, folder: str) -> IMailbox:
        """A folder by its path with `/` between levels; `INBOX` is the inbox."""

    def room(account: Address, size: int, quota: int) -> Answer[bool]:
        """False where `size` octets more would exceed the account's quota, by the last count of
        its mail. Costs little, and reserves nothing: another message may come first."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message in a mailbox.

    `unique` is steady for the message's life (UIDL); `path` is where it lay when listed; `size`
    is in octets as sent on the wire, lines ending in CRLF; `flags` are Maildir letters.
    """

    unique: str
    path: str
    size: int
    flags: str = ""
    crlf: bool = True


class IMailbox(Interface):
    """One folder of one account (Maildir++)."""

    def deliver(chunks: Sequence[Content], quota: int | None) -> Awaitable[Status]:
        """Add one message, made of `chunks` in a row, durably. 250 2.1.5, 452 4.2.2 (over quota),
        452 4.3.1 (disk full), 451 4.3.0 or 451 4.2.0 (cannot be written now)."""

    def messages() -> Awaitable[Sequence[StoredMessage]]:
        """List what is there, oldest first. Raises OSError."""

    def open(message: StoredMessage) -> Awaitable[Content]:
        """Return the message with CRLF line ends, wherever its file is by now.

        Raises FileNotFoundError where somebody removed it, OSError.
        """

    def remove(messages: Sequence[StoredMessage]) -> Awaitable[int]:
        """Remove these for good and return how many could not be. Gone already is removed."""

    def lock() -> Awaitable[ILock | None]:
        """Take the mailbox for one POP3 session, in all processes. None: somebody has it."""


class ILock(Interface):
    """A lock that is held until it is released, or the process dies."""

    def release() -> None:
        """Let go. Again does nothing."""


class ICommitter(Interface):
    """Makes changes to files durable, those of many callers together (group commit)."""

    def commit(changes: Sequence[Change]) -> Awaitable[Sequence[OSError | None]]:
        """Return one result for each change, None for a change that is safe on disk.

        A change that failed left nothing behind under its final name. Never raises.
        """

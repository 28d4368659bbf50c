"""Mailboxes and their locks, what else the host asks of the store, and durable changes to files.

Neither a path nor a lock file goes over these interfaces, so that a store of another kind can stand
behind them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

from zope.interface import Interface

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.changes import Change
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.status import Status

DELIVERED = Status(250, "2.1.5", "Delivered")
OVER_QUOTA = Status(452, "4.2.2", "The mailbox is full; please try again later")


class IMailStore(Interface):
    """The mailboxes of all accounts. The store knows each account's quota, and counts."""

    def inbox(account: Address) -> IMailbox:
        """The account's INBOX. Costs nothing; it need not exist on disk yet."""

    def mailbox(account: Address, folder: str) -> IMailbox:
        """A folder by its path with `/` between levels; `INBOX` is the inbox.

        Raises ValueError for a name that no folder can have. It is made by the first delivery.
        """

    def exclusive(account: Address) -> IExclusive:
        """The lock of the account's maildrop."""

    def room(account: Address, size: int) -> Answer[bool]:
        """False where `size` octets more would exceed the account's quota, by the last count of
        its mail. Costs little, and reserves nothing: another message may come first."""


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message in a mailbox.

    `unique` never changes while the message lives (UIDL); `size` is in octets as sent on the wire,
    lines ending in CRLF. `hint` is for the store alone, to find the message again sooner.
    """

    unique: str
    size: int
    hint: str = field(default="", repr=False, compare=False)


class IMailbox(Interface):
    """One folder of one account."""

    def deliver(contents: Sequence[Content]) -> Awaitable[Status]:
        """Add one message, made of `contents` in a row, durably. DELIVERED, OVER_QUOTA, 452 4.3.1
        (disk full), 451 4.3.0 or 451 4.2.0 (cannot be written now)."""

    def messages() -> Awaitable[Sequence[StoredMessage]]:
        """List the messages, oldest first. Raises OSError."""

    def open(message: StoredMessage) -> Awaitable[Content]:
        """Return the message with CRLF line ends, also where another program moved it.

        Raises FileNotFoundError where it was removed, OSError.
        """

    def remove(messages: Sequence[StoredMessage]) -> Awaitable[int]:
        """Remove these for good and return how many could not be. Gone already is removed."""


class IExclusive(Interface):
    """A maildrop that one session has to itself (RFC 1939 §4)."""

    def lock() -> Awaitable[ILock | None]:
        """Lock it against all other sessions, in all processes. None: another session has it.

        Raises OSError.
        """


class ILock(Interface):
    """A lock that is held until it is released, or the process dies."""

    def release() -> None:
        """Let the next one lock. A second call does nothing."""


class IMaintenance(Interface):
    """A store that needs work once a day."""

    def tidy() -> Awaitable[None]:
        """Remove what writers that died left behind long ago, and expunged messages that need not
        be kept any longer. Raises OSError."""


class IMaildirs(Interface):
    """Maildirs that belong to no account, where the settings name a path."""

    def maildir(path: str) -> IMailbox:
        """The Maildir at `path`, which need not exist yet. It has no quota."""


class IUsages(Interface):
    """The octets that accounts hold, counted for all processes. `key` is the store's own name for
    an account."""

    def reserve(key: str, size: int, quota: int) -> Awaitable[bool]:
        """Count `size` octets more, before they are written; False where they do not fit.

        Each reservation that was granted is released later. Raises OSError.
        """

    def release(key: str, size: int) -> None:
        """End a reservation: the message is on the disk by now, or will never be."""

    def removed(key: str, size: int) -> None:
        """Count `size` octets less: messages were removed."""

    def left(key: str, size: int, quota: int) -> Answer[int]:
        """Return how many octets still fit, by the last count. `size` says how many are wanted:
        where so many do not fit, the count may be made anew. Raises OSError where it is awaited."""


class ICommitter(Interface):
    """Makes changes to files durable, those of many callers together (group commit)."""

    def commit(changes: Sequence[Change]) -> Awaitable[Sequence[OSError | None]]:
        """Return one result for each change, None for a change that is safe on disk.

        A change that failed left nothing behind under its final name. Never raises.
        """

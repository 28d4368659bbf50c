"""A mail store in memory, which passes the contract test of all stores (tests/store/contract)."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from mailhost.interfaces.answer import Answer
from mailhost.interfaces.store import (
    DELIVERED,
    OVER_QUOTA,
    IExclusive,
    ILock,
    IMailbox,
    IMaildirs,
    IMailStore,
    IMaintenance,
    StoredMessage,
)
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.store.quota import QuotaOf, no_quota


@implementer(IMailStore, IMaintenance, IMaildirs)
class MemoryStore:
    """Mailboxes by name: `ann@a.example`, `ann@a.example/Junk`, or the path of a Maildir.

    `quotas` come before `quota_of`. `answers` are what deliveries to a mailbox end with: a Status,
    or an exception to raise. `asked` has each question about the room in an account with a quota.
    """

    def __init__(self, quota_of: QuotaOf = no_quota) -> None:
        self.quota_of = quota_of
        self.quotas: dict[str, int] = {}
        self.answers: dict[str, Status | Exception] = {}
        self.asked: list[tuple[str, int]] = []
        self.tidied = 0
        self._mailboxes: dict[str, MemoryMailbox] = {}

    @property
    def boxes(self) -> dict[str, list[bytes]]:
        """The messages of all mailboxes that have any."""
        return {
            name: list(mailbox.contents.values())
            for name, mailbox in self._mailboxes.items()
            if mailbox.contents
        }

    def inbox(self, account: Address) -> MemoryMailbox:
        return self._mailbox(str(account), account)

    def mailbox(self, account: Address, folder: str) -> MemoryMailbox:
        if folder.upper() == "INBOX":
            return self.inbox(account)
        if not all(folder.split("/")):
            raise ValueError(f"{folder!r} has a level without a name")
        return self._mailbox(f"{account}/{folder}", account)

    def maildir(self, path: str) -> MemoryMailbox:
        return self._mailbox(path, None)

    def _mailbox(self, name: str, account: Address | None) -> MemoryMailbox:
        if name not in self._mailboxes:
            self._mailboxes[name] = MemoryMailbox(self, name, account)
        return self._mailboxes[name]

    def exclusive(self, account: Address) -> IExclusive:
        return self.inbox(account)

    def room(self, account: Address, size: int) -> Answer[bool]:
        quota = self.quota(account)
        if quota is None:
            return True
        self.asked.append((str(account), size))
        return self.fits(account, size)

    def quota(self, account: Address) -> int | None:
        """The account's quota in octets."""
        return self.quotas.get(str(account), self.quota_of(account))

    def fits(self, account: Address | None, size: int) -> bool:
        """True where so many octets more are within the quota."""
        quota = None if account is None else self.quota(account)
        if quota is None:
            return True
        mailboxes = [each for each in self._mailboxes.values() if each.account == account]
        used = sum(len(text) for mailbox in mailboxes for text in mailbox.contents.values())
        return used + size <= quota

    async def tidy(self) -> None:
        self.tidied += 1


@implementer(IMailbox, IExclusive)
class MemoryMailbox:
    """`contents` are messages by their unique names; those that are `stuck` cannot be removed.
    `waiting` holds up `messages`, `fault` makes it fail."""

    def __init__(self, store: MemoryStore, name: str, account: Address | None) -> None:
        self.account = account
        self.contents: dict[str, bytes] = {}
        self.locked = False
        self.stuck: set[str] = set()
        self.fault: OSError | None = None
        self.waiting: Deferred[None] | None = None
        self._store = store
        self._name = name
        self._count = 0

    async def deliver(self, contents: Sequence[Content]) -> Status:
        answer = self._store.answers.get(self._name, DELIVERED)
        if isinstance(answer, Exception):
            raise answer
        if answer.ok:
            whole = b"".join(content.read() for content in contents)
            if not self._store.fits(self.account, len(whole)):
                return OVER_QUOTA
            self._count += 1
            self.contents[f"u{self._count}"] = whole
        return answer

    async def messages(self) -> Sequence[StoredMessage]:
        if self.waiting is not None:
            await self.waiting
        if self.fault is not None:
            raise self.fault
        return [StoredMessage(name, len(text)) for name, text in self.contents.items()]

    async def open(self, message: StoredMessage) -> Content:
        if message.unique not in self.contents:
            raise FileNotFoundError(message.unique)
        return Content((self.contents[message.unique],))

    async def remove(self, messages: Sequence[StoredMessage]) -> int:
        stuck = [message.unique for message in messages if message.unique in self.stuck]
        for message in messages:
            if message.unique not in stuck:
                self.contents.pop(message.unique, None)
        return len(stuck)

    async def lock(self) -> ILock | None:
        if self.locked:
            return None
        self.locked = True
        return MemoryLock(self)


@implementer(ILock)
class MemoryLock:
    """The lock of a MemoryMailbox."""

    def __init__(self, mailbox: MemoryMailbox) -> None:
        self._mailbox: MemoryMailbox | None = mailbox

    def release(self) -> None:
        if self._mailbox is not None:
            self._mailbox.locked = False
            self._mailbox = None

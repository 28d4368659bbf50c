"""A mail store over a folder of the test's own, whose threads and commits are done at once."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from mailhost.durable.batch import Batch
from mailhost.durable.system import OperatingSystem
from mailhost.interfaces.changes import Change
from mailhost.interfaces.store import ICommitter, IMailbox, StoredMessage
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.store.mailboxes import MailStore
from tests.fakes import address, now

T = TypeVar("T")

NOW = 1_700_000_000.25
ANN = address("ann@a.example")
BOB = address("bob@a.example")


def failure_of(answer: Awaitable[Any], kind: type[BaseException]) -> BaseException:
    """The failure of an answer of that kind; the test fails where there is none."""

    async def wait() -> Any:
        return await answer

    failed = SynchronousTestCase().failureResultOf(Deferred.fromCoroutine(wait()), kind)
    assert isinstance(failed.value, kind)
    return failed.value


def here(work: Callable[[], T], /) -> Deferred[T]:
    """Run blocking work at once, in this thread."""
    return maybeDeferred(work)


@implementer(ICommitter)
class Commits:
    """Commits at once, and keeps what was asked. `first` is called before each commit."""

    def __init__(self, system: OperatingSystem) -> None:
        self.asked: list[Change] = []
        self.first: Callable[[], None] = lambda: None
        self._system = system
        self._rooted: set[str] = set()

    def commit(self, changes: Sequence[Change]) -> Awaitable[Sequence[OSError | None]]:
        self.asked += changes
        self.first()
        return succeed(Batch(self._system, changes, self._rooted).run())


class RealDisk(OperatingSystem):
    """The real one, without the wait for the disk."""

    def sync(self, fd: int) -> None:
        """The power is never cut here."""

    def sync_folder(self, path: str) -> None:
        os.stat(path)

    def sync_file_system(self, fd: int) -> None:
        """The power is never cut here."""


class StoreCase(SynchronousTestCase):
    """Ann's inbox is `box`, and lies in `path`. `seconds` is what the clock says."""

    def setUp(self) -> None:
        self.seconds = NOW
        self.quotas: dict[Address, int | None] = {}
        self.mail = os.path.abspath(self.mktemp())
        self.commits = Commits(RealDisk())
        self.store = self.new_store()
        self.box = self.store.inbox(ANN)
        self.path = os.path.join(self.mail, "a.example", "ann")

    def new_store(self) -> MailStore:
        """Another store over the same folder, as after a new start."""
        return MailStore(
            self.mail,
            "mx.a.example",
            self.commits,
            here,
            self.quotas.get,
            now=lambda: self.seconds,
        )

    def deliver(self, *pieces: bytes, quota: int | None = None, box: IMailbox | None = None) -> Any:
        """Deliver a message made of these pieces and return the Status."""
        contents = [Content((piece,)) for piece in pieces]
        self.quotas[ANN] = quota
        status: Status = now((box or self.box).deliver(contents))
        return status

    def put(self, name: str, data: bytes = b"A: b\n\nc\n", folder: str = "cur") -> str:
        """Put a file there as another tool would, and return its path."""
        path = os.path.join(self.path, folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
        return path

    def listed(self) -> Sequence[StoredMessage]:
        """The messages in the inbox."""
        return now(self.box.messages())

    def the_one(self) -> StoredMessage:
        """The inbox's only message."""
        (message,) = self.listed()
        return message

    def read(self, message: StoredMessage) -> bytes:
        """A message as it is sent."""
        return now(self.box.open(message)).read()

    def remove(self, *messages: StoredMessage) -> int:
        """Remove messages of the inbox; how many could not be?"""
        return now(self.box.remove(messages))

    def files(self, *folders: str) -> list[str]:
        """The names in new/ and cur/, or in other folders of the Maildir."""
        found: list[str] = []
        for folder in folders or ("new", "cur"):
            path = os.path.join(self.path, folder)
            found += sorted(os.listdir(path)) if os.path.isdir(path) else []
        return found

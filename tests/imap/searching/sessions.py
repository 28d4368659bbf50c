"""A session with a mailbox selected, upon the real store in a folder, without threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import execute
from twisted.internet.task import Clock

from mailhost.concurrency.pauses import no_pause
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.imap.context import Context, ImapOptions
from mailhost.imap.grammar.cursor import REV1, Mode
from mailhost.imap.session import ImapSession
from mailhost.interfaces.folders import Added, IFolder, NewMessage, StoreRefusal, SummaryField
from mailhost.message.address import Address
from mailhost.message.client import Client
from mailhost.message.content import Content
from mailhost.net.account_limit import AccountLimit
from mailhost.store.accounts import AccountParts, AccountStore
from mailhost.store.folders.account_thread import AccountThreads
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.watchers import Watchers
from mailhost.store.maildir.dotlock import Dotlocks
from mailhost.store.quota import Usages
from tests.fake_wire import FakeWire, drive
from tests.fakes import RecordingEvents, now
from tests.imap.host import NoWatches

DAY = 86400
NOW = 1_800_000_000
ANN = Address("ann", "a.example")


def mail(*lines: str, body: str = "") -> bytes:
    """Return a message with these header fields."""
    return "\r\n".join([*lines, "", body, ""]).encode()


class Session:
    """A client of a mailbox. `clock` is the one of the store and of the session."""

    def __init__(
        self, folder: str, mode: Mode = REV1, disabled: frozenset[str] = frozenset()
    ) -> None:
        self.clock = Clock()
        self.clock.advance(NOW)
        self.folder_of_mail = folder
        system = OperatingSystem()
        disk = Disk(
            system,
            Dotlocks(system),
            BlockingCommitter(system).commit,
            "h.example",
            self.clock.seconds,
        )
        usages = Usages(cast("Any", None), self.clock.seconds)
        store = AccountStore(
            folder,
            disk,
            AccountParts(AccountThreads(self.clock, execute), Watchers(), cast("Any", NoWatches())),
            lambda account: None,
            usages,
        )
        self.wire = FakeWire()
        self.context = Context(
            self.wire,
            Client("192.0.2.1"),
            cast("Any", None),
            store,
            RecordingEvents(),
            ImapOptions("h.example", 1 << 20, 1 << 16, folder, disabled),
            no_pause,
            execute,
            self.clock.seconds,
            self.clock,
            AccountLimit(9),
            mode,
        )
        self.context.log_in(ANN)
        self.machine = ImapSession(self.context)
        inbox = now(self.context.mail.open("INBOX"))
        assert not isinstance(inbox, StoreRefusal)
        self.inbox: IFolder = inbox

    def add(self, octets: bytes, flags: Sequence[str] = (), date: int = NOW) -> int:
        """Add a message; return its UID."""
        added = now(self.inbox.add([NewMessage(Content((octets,)), tuple(flags), date)]))
        assert isinstance(added, Added)
        return added.uids[0]

    def summaries(self) -> None:
        """Have summaries of all messages made."""
        view = now(self.inbox.view())
        assert not isinstance(view, StoreRefusal)
        now(self.inbox.summaries(view.uids, (SummaryField.SIZE,)))

    def select(self) -> None:
        """Select the inbox."""
        self.say("s SELECT INBOX")

    def say(self, line: str) -> str:
        """Send a command; return the answer."""
        self.wire.take()
        now(drive(self.machine, line.encode() + b"\r\n"))
        return self.wire.take().decode()

    def lost(self) -> None:
        """The client disconnects."""
        self.machine.lost("gone")

    def search(self, keys: str) -> list[int]:
        """Return the numbers that SEARCH finds."""
        answer = self.say(f"t SEARCH {keys}")
        assert answer.startswith("* SEARCH"), answer
        assert answer.endswith("t OK Searched\r\n"), answer
        return [int(number) for number in answer.partition("\r\n")[0].split(" ")[2:]]

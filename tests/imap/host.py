"""IMAP sessions on string wires, upon the real store in a temporary folder or upon one in memory.
Threads are none: each operation is done when it is asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeVar, cast

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock

from mailhost.concurrency.pauses import no_pause
from mailhost.durable.blocking import BlockingCommitter
from mailhost.imap.context import Context, ImapOptions
from mailhost.imap.session import ImapSession
from mailhost.interfaces.folders import IAccountStore, IFolder, NewMessage, StoreRefusal
from mailhost.interfaces.wire import IWire
from mailhost.message.client import Client, TLSState
from mailhost.message.content import Content
from mailhost.message.crlf import with_crlf
from mailhost.net.account_limit import AccountLimit
from mailhost.net.account_sessions import AccountSessions
from mailhost.net.sasl.mechanisms import Logins
from mailhost.store.accounts import AccountParts, AccountStore
from mailhost.store.folders.account_thread import AccountThreads
from mailhost.store.folders.disk import Disk
from mailhost.store.folders.file_watches import FileWatches
from mailhost.store.folders.watchers import Watchers
from mailhost.store.maildir.dotlock import Dotlocks
from mailhost.store.maildir.filename import new_unique, sized_name
from mailhost.store.maildir.folder import account_folder
from mailhost.store.maildir.folder_names import directory_of
from mailhost.store.maildir.usage import usage
from mailhost.store.quota import QuotaOf, Usages
from tests.durable.one_by_one import OneByOne
from tests.fake_wire import FakeWire, drive
from tests.fakes import RecordingEvents, address, now
from tests.memory_accounts import MemoryAccounts
from tests.smtp.fakes import FakeAuthenticator

T = TypeVar("T")

ANN = address("ann@example.com")
TLS = TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384")
HOSTNAME = "mail.example.com"


class FastSystem(OneByOne):
    """The real one, without the waits for the disk."""

    def sync(self, fd: int) -> None:
        pass

    def sync_folder(self, path: str) -> None:
        pass

    def sync_file_system(self, fd: int) -> None:
        pass


def at_once(work: Callable[[], T], /) -> Deferred[T]:
    """An InThread that needs no thread."""
    return maybeDeferred(work)


class NoWatches:
    """FileWatches that notice nothing."""

    def add(self, path: str, changed: Callable[[], None]) -> None:
        """See FileWatches."""

    def remove(self, path: str, changed: Callable[[], None]) -> None:
        """See FileWatches."""

    def paused(self, path: str) -> AbstractContextManager[None]:
        """See FileWatches."""
        return nullcontext()


def maildir_accounts(
    mail: str, clock: Clock, quota_of: QuotaOf, watchers: Watchers | None = None
) -> AccountStore:
    """The real store in the folder `mail`."""
    system = FastSystem()
    commit = BlockingCommitter(system).commit
    parts = AccountParts(
        AccountThreads(clock, at_once), watchers or Watchers(), cast(FileWatches, NoWatches())
    )
    return AccountStore(
        mail,
        Disk(system, Dotlocks(system), commit, HOSTNAME, clock.seconds),
        parts,
        quota_of,
        Usages(lambda path: at_once(lambda: usage(path)), clock.seconds),
    )


class Host:
    """A store in the folder `data`, and sessions upon it. `quota` is that of all accounts."""

    store: IAccountStore

    def __init__(self, data: str, options: ImapOptions | None = None) -> None:
        self.mail = os.path.join(data, "mail")
        incoming = os.path.join(data, "incoming")
        os.makedirs(self.mail, exist_ok=True)
        os.makedirs(incoming, exist_ok=True)
        self.clock = Clock()
        self.clock.rightNow = float(int(time.time()))
        self.quota: int | None = None
        self.watchers = Watchers()
        self.store = self.new_store()
        self.options = options or ImapOptions(HOSTNAME, 100_000, 1000, incoming)
        self.account_limit = AccountLimit(50)
        self.account_sessions = AccountSessions()
        self.sessions: list[Talk] = []
        now(self.store.account(ANN).folders())  # makes what every account has

    def new_store(self) -> IAccountStore:
        """The store below all sessions."""
        return maildir_accounts(self.mail, self.clock, lambda _: self.quota, self.watchers)

    def talk(
        self, tls: bool = True, options: ImapOptions | None = None, greet: bool = True
    ) -> Talk:
        """A new session."""
        talk = Talk(self, tls, options or self.options)
        self.sessions.append(talk)
        if greet:
            talk.session.greet()
        return talk

    def context(
        self,
        wire: IWire,
        client: Client,
        authenticator: FakeAuthenticator,
        events: RecordingEvents,
        options: ImapOptions | None = None,
    ) -> Context:
        """The services of the commands of a new session."""
        return Context(
            wire,
            client,
            Logins(authenticator),
            self.store,
            events,
            options or self.options,
            no_pause,
            at_once,
            self.clock.seconds,
            self.clock,
            self.account_limit,
            sessions=self.account_sessions,
        )

    def deliver(self, folder: str, *texts: bytes, notify: bool = True) -> None:
        """Messages come to a folder. Without `notify` another program writes them, whose names
        tell no sizes."""
        path = self.path_of(folder)
        for text in texts:
            name = new_unique(HOSTNAME, self.clock.seconds())
            if notify:
                name = sized_name(name, len(text))
            with open(os.path.join(path, "new", name), "wb") as file:
                file.write(text)
        self.touch(os.path.join(path, "new"))
        if notify:
            self.watchers.changed(ANN, folder)
        self.settle()

    def touch(self, path: str) -> None:
        """Give a folder an mtime that it never had, as its clock ticks in milliseconds."""
        before = os.stat(path).st_mtime_ns
        os.utime(path, ns=(before + 1_000_000, before + 1_000_000))

    def path_of(self, folder: str) -> str:
        """The Maildir of a folder."""
        directory = "" if folder == "INBOX" else directory_of(folder)
        assert isinstance(directory, str)
        return os.path.join(account_folder(self.mail, ANN), directory)

    def remove_all(self, folder: str) -> None:
        """Another program removes the messages in a folder's cur/."""
        cur = os.path.join(self.path_of(folder), "cur")
        for name in os.listdir(cur):
            os.unlink(os.path.join(cur, name))
        self.touch(cur)

    def count(self, folder: str) -> int:
        """How many messages a folder has."""
        path = self.path_of(folder)
        return len(os.listdir(f"{path}/new") + os.listdir(f"{path}/cur"))

    def settle(self) -> None:
        """Step each session that was woken."""
        again = True
        while again:
            again = False
            for talk in self.sessions:
                if talk.wire.wakes > talk.woken and not talk.waits:
                    talk.woken = talk.wire.wakes
                    talk.step(b"")
                    again = True


class MemoryHost(Host):
    """The same upon a store in memory."""

    def new_store(self) -> IAccountStore:
        self.accounts = MemoryAccounts(self.clock.seconds, lambda _: self.quota, self.watchers)
        return self.accounts

    def deliver(self, folder: str, *texts: bytes, notify: bool = True) -> None:
        self.accounts.silent = not notify
        for text in texts:
            now(self._folder(folder).add([NewMessage(content(with_crlf(text)))]))
        self.accounts.silent = False
        self.settle()

    def _folder(self, name: str) -> IFolder:
        folder = now(self.store.account(ANN).open(name))
        assert not isinstance(folder, StoreRefusal)
        return folder

    def remove_all(self, folder: str) -> None:
        self.accounts.silent = True
        now(self._folder(folder).expunge(list(self.accounts.account(ANN).found[folder].messages)))
        self.accounts.silent = False

    def count(self, folder: str) -> int:
        return len(self.accounts.account(ANN).found[folder].messages)


class Talk:
    """One session."""

    def __init__(self, host: Host, tls: bool, options: ImapOptions) -> None:
        self.host = host
        self.wire = FakeWire()
        self.events = RecordingEvents()
        self.authenticator = FakeAuthenticator()
        self.woken = 0
        self.waits = False
        self.secured = 0  # handshakes that are done
        client = Client("192.0.2.1", 1, "imap", tls=TLS if tls else None)
        self.context = host.context(self.wire, client, self.authenticator, self.events, options)
        self.session = ImapSession(self.context)

    def step(self, data: bytes) -> None:
        """Send octets."""
        self.waits = True
        done = drive(self.session, data)
        done.addCallback(lambda _: setattr(self, "waits", False))
        if done.called:  # raise what it raised
            done.addErrback(lambda failure: failure.raiseException())

    def say(self, data: bytes) -> bytes:
        """Send octets; return what comes back."""
        if not self.wire.hung_up and self.wire.handshakes == self.secured:
            self.step(data)
            self.host.settle()
        return self.wire.take()

    def send(self, *lines: str) -> str:
        """Send lines at once; return what comes back."""
        return self.say("".join(f"{line}\r\n" for line in lines).encode()).decode()

    def log_in(self) -> None:
        """LOGIN, and the answers so far are forgotten."""
        self.wire.take()
        answer = self.send("in LOGIN ann@example.com secret")
        assert "in OK [CAPABILITY" in answer, answer

    def lost(self) -> None:
        """The connection ends."""
        self.session.lost("closed by the client")
        self.host.sessions.remove(self)


def content(text: bytes) -> Content:
    """A message in memory."""
    return Content((text,))


def without(options: ImapOptions, *names: str) -> ImapOptions:
    """Options with these capabilities switched off."""
    return replace(options, disabled=frozenset(names))

"""The parts of one process that outlive a reload: the disk, the directory, TLS, limits, the DNS.

Making a Foundation touches no network, and no disk but for certificates; `start` and `stop` do, in
order. `Services` are made anew for each generation of the settings, upon one Foundation.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from functools import partial

from twisted.internet.defer import DeferredSemaphore

from mailhost.application.descriptors import connections_that_fit
from mailhost.concurrency.pauses import pauses_of
from mailhost.concurrency.threads import InThread, threads_of
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.directory.from_settings import view_of_settings
from mailhost.directory.live import LiveDirectory
from mailhost.directory.place import database_path
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.by_size import BySize
from mailhost.durable.committer import Committer
from mailhost.durable.log.names import Settle
from mailhost.durable.log.settling import Settling
from mailhost.durable.system import OperatingSystem
from mailhost.durable.writer_client import WriterClient
from mailhost.interfaces.challenges import IHTTPChallenges
from mailhost.interfaces.counts import ICounts, NoCounts
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.reactor import IReactor
from mailhost.interfaces.store import IUsages
from mailhost.net.account_limit import AccountLimit
from mailhost.net.account_sessions import AccountSessions
from mailhost.net.dns.resolver import Resolver
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.net.tls.server import CertificateSource, Minimums, ServerTLS
from mailhost.queue.spool import Spool
from mailhost.reception.filters.authenticity.known_clients import KnownClients
from mailhost.reception.filters.whole_messages import LARGE_AT_ONCE
from mailhost.reception.stopped import StoppedAddresses
from mailhost.signing.key_files import KeyFiles
from mailhost.signing.key_ring import KeyRing
from mailhost.store.accounts import AccountParts
from mailhost.store.folders.account_thread import AccountThreads
from mailhost.store.folders.file_watches import FileWatches
from mailhost.store.folders.watchers import Watchers
from mailhost.store.maildir.dotlock import Dotlocks
from mailhost.store.maildir.usage import usage
from mailhost.store.quota import Usages
from mailhost.workers.connection_counts import SharedCounts


class Foundation:
    """`events` takes all events of the process, `counts` what is counted besides. `others` counts
    the connections of the other processes. `usages` counts for accounts with a quota; None for a
    count of our own.

    Raises BadCertificate.
    """

    def __init__(
        self,
        reactor: IReactor,
        loaded: Loaded,
        certificates: Sequence[CertificateSource],
        events: IEventSink,
        others: SharedCounts | None = None,
        usages: IUsages | None = None,
        counts: ICounts = NoCounts(),  # noqa: B008 -- without a state
    ) -> None:
        settings = loaded.settings
        self.reactor = reactor
        self.events = events
        self.counts = counts
        self.data = settings.data
        self.in_thread = threads_of(reactor)
        self.pause = pauses_of(reactor)
        self.tls = ServerTLS(certificates, _minimums(settings))
        self.limits = ConnectionLimits(_bounds(settings), others)
        self.sessions = AccountSessions()
        self.account_limit = AccountLimit(settings.limits.connections_per_account, others)
        self.writer_socket = os.path.join(self.data, "writer.sock")
        self.system = OperatingSystem()
        self.settle = Settling(self.system, self.data)
        self.committer = _committer(reactor, self.system, self.settle, self.writer_socket, events)
        self.directory = LiveDirectory(
            reactor, view_of_settings(settings, loaded.secrets), database_path(self.data), events
        )
        self.spool = Spool(os.path.join(self.data, "queue"), self.committer, self.in_thread)
        own_count = Usages(lambda path: self.in_thread(partial(usage, path)), time.time)
        self.usages: IUsages = usages or own_count
        self.dotlocks = Dotlocks(self.system)
        self.commit_now = BlockingCommitter(self.system, self.settle)
        self.accounts = _account_parts(reactor, self.in_thread)
        self.message_sizes: dict[tuple[str, str], int] = {}
        self.key_ring = KeyRing(KeyFiles(self.data, self.commit_now.commit), self.in_thread, events)
        self.resolver = Resolver(reactor, settings.dns, counts=counts)
        self.known_clients = KnownClients(reactor)
        self.stopped = StoppedAddresses()
        self.large_messages = DeferredSemaphore(LARGE_AT_ONCE)
        self.http_challenges: IHTTPChallenges | None = None  # in the head, for the web listener

    def start(self) -> None:
        """Read what is there. Raises DirectoryUnavailable, OSError."""
        self.directory.start()  # first: what can fail comes before the threads are there
        self.key_ring.load()
        self.committer.start()

    async def stop(self) -> None:
        """End when all that was begun is on the disk."""
        self.directory.stop()
        self.accounts.files.stop()
        await self.accounts.threads.close()
        await self.committer.stop()

    def reconfigure(self, loaded: Loaded, certificates: Sequence[CertificateSource]) -> None:
        """Take the settings of a new generation. Raises BadCertificate, with nothing changed."""
        settings = loaded.settings
        self.tls.replace(certificates, _minimums(settings))
        self.limits.bounds = _bounds(settings)
        self.account_limit.most = settings.limits.connections_per_account
        self.resolver.reconfigure(settings.dns)
        self.directory.reconfigure(view_of_settings(settings, loaded.secrets))


def _committer(
    reactor: IReactor, system: OperatingSystem, settle: Settle, writer: str, events: IEventSink
) -> BySize:
    own, large = Committer(reactor, system, settle), Committer(reactor, system, settle)
    return BySize(WriterClient(reactor, writer, own, events), own, large)


def _account_parts(reactor: IReactor, in_thread: InThread) -> AccountParts:
    """Return the parts of the folders of accounts that outlive a reload."""
    return AccountParts(
        AccountThreads(reactor, in_thread), Watchers(), FileWatches(reactor, in_thread)
    )


def _bounds(settings: Settings) -> Bounds:
    limits = settings.limits
    return Bounds(connections_that_fit(limits.connections), limits.connections_per_client)


def _minimums(settings: Settings) -> Minimums:
    """Return the oldest TLS versions that the settings allow."""
    return Minimums(settings.tls.minimum.value, settings.tls.smtp_minimum.value)

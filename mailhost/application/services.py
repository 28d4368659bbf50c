"""The services of one process that serves clients, made from settings and handed to each other:
who knows whom.

Making them touches no network and no disk but for certificates; `start` and `stop` do, in order.
`replace` hands new settings to those that live on. What there is once for all processes, the head
has (`head`); workers ask it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from mailhost.alias_loops import AliasLoops
from mailhost.application.descriptors import connections_that_fit
from mailhost.application.filters import Chains, FilterContext, make_chains
from mailhost.concurrency.pauses import pauses_of
from mailhost.concurrency.threads import threads_of
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.delivery.local import LocalDelivery
from mailhost.directory.from_settings import view_of_settings
from mailhost.directory.live import LiveDirectory
from mailhost.directory.place import database_path
from mailhost.durable.by_size import BySize
from mailhost.durable.committer import Committer
from mailhost.durable.system import OperatingSystem
from mailhost.durable.writer_client import WriterClient
from mailhost.handover import Handover
from mailhost.interfaces.events import IEventSink
from mailhost.interfaces.filters import ICounters, IRates
from mailhost.interfaces.logins import IAuthenticator, ILoginGuard
from mailhost.interfaces.queue import IQueue
from mailhost.net.dns.resolver import Resolver
from mailhost.net.limits import Bounds, ConnectionLimits, OtherCounts
from mailhost.net.tls import CertificateSource, Minimums, ServerTLS
from mailhost.queue.reports import Reports
from mailhost.queue.spool import Spool
from mailhost.reception.filters.whole_messages import WholeMessages
from mailhost.routing import Router
from mailhost.store.mailboxes import MailStore
from mailhost.store.quota import OctetCounts


class Services:
    """`events` hears all that happens. `usages` counts for accounts with a quota, None for a count
    of our own. Raises BadCertificate.

    Call `connect` before anything else.
    """

    authenticator: IAuthenticator
    guard: ILoginGuard
    handover: Handover
    queue: IQueue

    def __init__(
        self,
        reactor: Any,
        loaded: Loaded,
        certificates: Sequence[CertificateSource],
        events: IEventSink,
        others: OtherCounts | None = None,
        usages: OctetCounts | None = None,
    ) -> None:
        settings = loaded.settings
        data = settings.data
        self.settings = settings
        self.events = events
        self.incoming = os.path.join(data, "incoming")
        self.tls = ServerTLS(certificates, minimums(settings))
        self.limits = ConnectionLimits(_bounds(settings), others)
        self.writer_socket = os.path.join(data, "writer.sock")
        own = Committer(reactor, OperatingSystem())
        self.committer = BySize(
            WriterClient(reactor, self.writer_socket, own, events),
            own,
            Committer(reactor, OperatingSystem()),
        )
        self.directory = LiveDirectory(
            reactor, view_of_settings(settings, loaded.secrets), database_path(data), events
        )
        self.store = MailStore(
            os.path.join(data, "mail"), settings.hostname, self.committer, reactor, usages=usages
        )
        self.router = Router(settings.hostname, settings.admin)
        self.in_thread = threads_of(reactor)
        self.pause = pauses_of(reactor)
        self.delivery = LocalDelivery(self.store, events, self.pause)
        self.spool = Spool(os.path.join(data, "queue"), self.committer, self.in_thread)
        self.reports = Reports(settings.hostname, events, self.in_thread)
        self.resolver = Resolver(reactor, settings.dns)
        self.chains: Chains = {}
        self._reactor = reactor

    def connect(
        self,
        authenticator: IAuthenticator,
        guard: ILoginGuard,
        queue: IQueue,
        rates: IRates,
        counters: ICounters,
    ) -> None:
        """Use what judges passwords, keeps waiting mail, and counts."""
        self.authenticator = authenticator
        self.guard = guard
        self.queue = queue
        self.handover = Handover(
            self.directory,
            self.router,
            self.delivery,
            queue,
            self.reports,
            self.events,
            AliasLoops(rates),
            self.pause,
        )
        self.reports.handover = self.handover
        self._context = FilterContext(
            self._reactor,
            self.in_thread,
            self.events,
            self.resolver,
            self.handover,
            self.store,
            rates,
            counters,
            WholeMessages(self.incoming, self.settings.limits.message_memory, self.in_thread),
            self.settings.hostname,
            self.settings.data,
        )

    def start(self) -> None:
        """Read what is there. Raises OSError, DirectoryUnavailable, BadFilter."""
        self.chains = make_chains(self.settings, self._context)  # code of others: no longer as root
        self.directory.start()  # first: what can fail comes before the threads are there
        self.committer.start()

    async def stop(self) -> None:
        """End when all that was begun is on the disk."""
        self.directory.stop()
        await self.committer.stop()

    def replace(self, loaded: Loaded, certificates: Sequence[CertificateSource]) -> None:
        """Take new settings; running sessions keep those they began with.

        Raises BadCertificate, BadFilter.
        """
        settings = loaded.settings
        chains = make_chains(settings, self._context)
        self.tls.replace(certificates, minimums(settings))
        self.settings = settings
        self.chains = chains
        self.resolver.replace_settings(settings.dns)
        self.limits.bounds = _bounds(settings)
        self.directory.replace_file_view(view_of_settings(settings, loaded.secrets))
        self.router = Router(settings.hostname, settings.admin)
        self.handover.router = self.router
        self.reports.hostname = settings.hostname


def _bounds(settings: Settings) -> Bounds:
    limits = settings.limits
    return Bounds(connections_that_fit(limits.connections), limits.connections_per_client)


def minimums(settings: Settings) -> Minimums:
    """Return the oldest TLS versions that the settings allow."""
    return Minimums(settings.tls.minimum.value, settings.tls.smtp_minimum.value)

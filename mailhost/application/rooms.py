"""Every service of the host, made from settings and handed to each other: who knows whom.

Making them touches no network and no disk but for certificates; `start` and `stop` do, in order.
`replace` hands new settings to those that live on.
"""

from __future__ import annotations

import os
from typing import Any

from mailhost.authentication.authenticator import Authenticator
from mailhost.config.load import Loaded
from mailhost.config.model import Settings
from mailhost.delivery.dispatch import Dispatch
from mailhost.delivery.local import LocalDelivery
from mailhost.directory.from_settings import view_of_settings
from mailhost.directory.live import LiveDirectory
from mailhost.durable.committer import Committer
from mailhost.durable.system import OperatingSystem
from mailhost.events import Faulted
from mailhost.handover import Handover
from mailhost.interfaces import IEventSink
from mailhost.net.dns.resolver import Resolver
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.net.selfsigned import make_self_signed
from mailhost.net.tls import ServerTLS
from mailhost.queue.notices import Notices
from mailhost.queue.runner import QueueRunner
from mailhost.queue.spool import Spool, threads_of
from mailhost.relay.transport import RelayTransport
from mailhost.routing import Router
from mailhost.store.mailboxes import MailStore

SUBFOLDERS = ("mail", "queue", "incoming")


class Rooms:
    """`events` hears all that happens. Raises BadCertificate."""

    def __init__(self, reactor: Any, loaded: Loaded, events: IEventSink) -> None:
        settings = loaded.settings
        data = settings.data
        self.settings = settings
        self.events = events
        self.incoming = os.path.join(data, "incoming")
        self.tls = ServerTLS(_certificates(settings), settings.tls.minimum)
        self.limits = ConnectionLimits(_bounds(settings))
        self.committer = Committer(reactor, OperatingSystem())
        self.directory = LiveDirectory(
            reactor,
            view_of_settings(settings, loaded.secrets),
            os.path.join(data, "directory.sqlite"),
            events,
        )
        self.authenticator = Authenticator(reactor, self.directory, settings.login, events)
        self.store = MailStore(
            os.path.join(data, "mail"), settings.hostname, self.committer, reactor
        )
        self.router = Router(settings.hostname, settings.admin)
        self.delivery = LocalDelivery(self.directory, self.store, self.router, events)
        self.resolver = Resolver(reactor, settings.dns)
        self.relay = RelayTransport(
            reactor, self.resolver, settings.relay, loaded.secrets, settings.hostname, events
        )
        in_thread = threads_of(reactor)
        spool = Spool(os.path.join(data, "queue"), self.committer, in_thread)
        self._notices = Notices(settings.hostname, events, in_thread)
        self.queue = QueueRunner(
            reactor,
            spool,
            Dispatch(self.directory, self.delivery, self.relay),
            self._notices,
            settings.queue,
            events,
        )
        self.handover = Handover(
            self.directory, self.router, self.delivery, self.queue, self._notices, events
        )
        self._notices.handover = self.handover

    def start(self) -> None:
        """Make what is missing on disk, read what is there.

        Raises OSError, DirectoryUnavailable.
        """
        for name in SUBFOLDERS:
            os.makedirs(os.path.join(self.settings.data, name), mode=0o700, exist_ok=True)
        self.directory.start()  # first: what can fail comes before the threads are there
        self.committer.start()
        self.queue.start()
        self._tell_warnings()

    async def stop(self, seconds: float) -> None:
        """Let what runs end within `seconds`, from the queue down to the disk."""
        await self.queue.stop(seconds)
        await self.relay.stop()
        self.directory.stop()
        await self.committer.stop()

    def replace(self, loaded: Loaded) -> None:
        """Take new settings; running sessions keep those they began with. Raises BadCertificate."""
        settings = loaded.settings
        self.tls.replace(_certificates(settings), settings.tls.minimum)
        self.settings = settings
        self.limits.bounds = _bounds(settings)
        self.authenticator.replace_settings(settings.login)
        self.directory.replace_file_view(view_of_settings(settings, loaded.secrets))
        self.router = Router(settings.hostname, settings.admin)
        self.delivery.router = self.router
        self.handover.router = self.router
        self._notices.hostname = settings.hostname
        self.resolver.replace_settings(settings.dns)
        self.relay.replace_settings(settings.relay, loaded.secrets, settings.hostname)
        self.queue.reconfigure(settings.queue)
        self._tell_warnings()

    def _tell_warnings(self) -> None:
        for warning in self.tls.warnings:
            self.events.tell(Faulted("certificates", warning))


def _bounds(settings: Settings) -> Bounds:
    return Bounds(settings.limits.connections, settings.limits.connections_per_client)


def _certificates(settings: Settings) -> list[Any]:
    """The certificates of the settings, or one that we sign ourselves."""
    if settings.tls.certificate:
        return [(pair.chain, pair.key) for pair in settings.tls.certificate]
    return [make_self_signed(os.path.join(settings.data, "tls"), settings.hostname)]

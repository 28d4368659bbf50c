"""The listener for the metrics and the health of the host, if the settings have one.

It has connections and limits of its own, so that clients of mail who take all connections do not
keep the operator from looking. prometheus-client is imported when the listener is opened for the
first time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.python.failure import Failure

from mailhost.application.head import Head
from mailhost.application.health import reasons_against
from mailhost.application.listener_set import ListenerSet
from mailhost.application.snapshot import SnapshotMaker
from mailhost.concurrency.shared_call import SharedCall
from mailhost.config.endpoint import parse_endpoint
from mailhost.config.model import Settings
from mailhost.doctor.host.disk import Disk
from mailhost.interfaces.reactor import IReactor
from mailhost.net.limited import LimitedFactory
from mailhost.net.limits import Bounds, ConnectionLimits
from mailhost.web.forwarded import TrustedProxies
from mailhost.web.site import Site

BOUNDS = Bounds(total=20, per_client=10)  # connections
DISK_TIMEOUT = 1.0  # seconds that the disk has to answer
NAME = "metrics"  # of the protocol, in the log and in the metrics


@dataclass(frozen=True, slots=True)
class OpenSocket:
    """An open socket, and the settings that it was opened for; no socket where there is none."""

    endpoint: str = ""
    port: IListeningPort | None = None
    factory: LimitedFactory | None = None

    async def close(self) -> None:
        """Take no more connections, and end all that are open."""
        if self.port is None or self.factory is None:
            return
        stopping = self.port.stopListening()
        if isinstance(stopping, Deferred):
            await stopping
        await self.factory.drain(0)


class MetricsListener:
    """The head has one. Nothing is open until `start`."""

    def __init__(self, reactor: IReactor, head: Head, listeners: ListenerSet) -> None:
        self._reactor = reactor
        self._head = head
        base = head.foundation
        self._disk = SharedCall[Disk](base.in_thread, reactor, DISK_TIMEOUT)
        self._snapshots = SnapshotMaker(head, listeners, time.time(), self._disk)
        self._open = OpenSocket()

    def start(self, settings: Settings) -> None:
        """Open the socket, if the settings want one. Raises CannotListenError."""
        self._open = self._socket_for(settings)

    @contextmanager
    def opened(self, settings: Settings) -> Iterator[None]:
        """Open the socket that new settings want, and close the former one when the block ends. If
        the block fails, the former one stays.

        Raises CannotListenError before the block.
        """
        former, new = self._open, self._socket_for(settings)
        unused = new
        try:
            yield
            self._open, unused = new, former
        finally:
            if new is not former:
                Deferred.fromCoroutine(unused.close())

    async def close(self) -> None:
        """Take no more connections, and end all that are open."""
        await self._open.close()

    @property
    def address(self) -> str:
        """Where it listens, for the log; empty where it does not."""
        if self._open.port is None:
            return ""
        bound: Any = self._open.port.getHost()
        host = f"[{bound.host}]" if ":" in bound.host else bound.host
        return f"{host}:{bound.port}"

    def _socket_for(self, settings: Settings) -> OpenSocket:
        """Return the socket that the settings want: a new one, or the one that is open."""
        wanted = settings.metrics.endpoint if settings.metrics else ""
        former = self._open.endpoint
        if wanted == former:
            return self._open
        if not wanted:
            return OpenSocket()
        if former and parse_endpoint(wanted).overlaps(parse_endpoint(former)):
            text = "this host listens there itself, for the metrics; restart the host to change it"
            raise CannotListenError(None, wanted, text)
        factory = self._factory()
        return OpenSocket(wanted, self._listen(wanted, factory), factory)

    def _factory(self) -> LimitedFactory:
        from mailhost.application.metrics_pages import MetricsPages

        base, events = self._head.foundation, self._head.events
        reasons = partial(reasons_against, self._head, self._disk)
        pages = MetricsPages(self._snapshots.make, reasons, base.pause)
        site = Site(pages.answer, TrustedProxies(()), self._reactor, time.time)
        limits = ConnectionLimits(BOUNDS)
        return LimitedFactory(site, NAME, self._reactor, limits, base.tls, events)

    def _listen(self, endpoint: str, factory: LimitedFactory) -> IListeningPort:
        try:
            listening = serverFromString(self._reactor, endpoint).listen(factory)
        except LookupError as missing:
            text = "systemd handed over no such socket; compare the .socket unit"
            raise CannotListenError(None, endpoint, text) from missing
        result: list[Any] = []
        listening.addBoth(result.append)
        (found,) = result  # the endpoints of TCP and of systemd answer at once
        if isinstance(found, Failure):
            error = found.value
            if isinstance(error, CannotListenError):
                raise error
            raise CannotListenError(None, endpoint, error)
        port: IListeningPort = found
        return port

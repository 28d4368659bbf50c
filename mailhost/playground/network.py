"""The test network: a DNS server and two hosts on loopback, to which one fault can be applied.

The hosts are in processes of their own; the DNS server, and the ports that replace those of a host
with a fault, are in this process. Everything is below one folder, which the caller removes.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, DeferredList

from mailhost.concurrency.threads import threads_of
from mailhost.concurrency.timeouts import fired_within
from mailhost.interfaces.reactor import IReactor
from mailhost.net.tls.certificate import PEM
from mailhost.playground.dns_server import DNSServer, Records
from mailhost.playground.host_process import PATIENCE, HostProcess
from mailhost.playground.hosts import HOSTS, HostNames
from mailhost.playground.ports import DNS_ADDRESS, Ports
from mailhost.playground.preparing import (
    SETTINGS_FILE,
    Prepared,
    prepare,
    write_certificate,
    write_settings,
)
from mailhost.playground.settings import MoreSettings, settings_text

_TTL = 1  # seconds: a fault takes effect at once


class Network:
    """`folder` is empty. `died` is called with a text if a host ends by itself. Used in the order:
    `start`, any of the changes, `stop`."""

    prepared: Prepared

    def __init__(
        self, reactor: IReactor, folder: Path, ports: Ports, died: Callable[[str], None]
    ) -> None:
        self.reactor = reactor
        self.folder = folder
        self.ports = ports
        self.dns = DNSServer({}, seconds=_TTL)
        self._preparing: Deferred[Prepared] | None = None
        self._stopping = False
        self._hosts = {each.name: HostProcess(reactor, folder / each.name, died) for each in HOSTS}

    def config(self, host: HostNames) -> Path:
        """Return the path of the settings file of a host."""
        return self.folder / host.name / SETTINGS_FILE

    async def start(self) -> None:
        """Make the files, start the DNS server and the hosts, and return when they are ready.
        Raises HostFailed, OSError, CannotListenError."""
        in_thread = threads_of(self.reactor)
        self._preparing = in_thread(partial(prepare, self.folder, self.ports))
        self.prepared = await self._preparing
        if self._stopping:
            await Deferred()  # the start is given up
        self.dns.records = dict(self.prepared.records)
        self.dns.start(self.reactor, DNS_ADDRESS, self.ports.dns)
        await _all(host.start() for host in self._hosts.values())

    async def stop(self) -> None:
        """End the hosts and the DNS server, and the work on the files, which may be under way."""
        self._stopping = True
        if self._preparing is not None:
            await fired_within(self._preparing, self.reactor, PATIENCE)
        await _all(host.stop() for host in self._hosts.values())
        await self.dns.stop()

    def publish(self, records: Records) -> None:
        """Have the DNS server answer with these records."""
        self.dns.records = dict(records)

    async def use_certificate(self, host: HostNames, pem: PEM) -> None:
        """Replace the certificate of a host. Raises HostFailed."""
        write_certificate(self.folder / host.name, pem)
        await self._hosts[host.name].reload()

    async def use_settings(self, host: HostNames, more: MoreSettings) -> None:
        """Replace the settings of a host by the usual ones and `more`. Raises HostFailed."""
        (other,) = (each for each in HOSTS if each is not host)
        text = settings_text(host, other, self.ports, more)
        write_settings(self.folder / host.name, text)
        await self._hosts[host.name].reload()


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do all of these at once. Raises the first of their exceptions when all have ended."""
    results: list[tuple[bool, Any]] = await DeferredList(
        [Deferred.fromCoroutine(each) for each in works], consumeErrors=True
    )
    for good, result in results:
        if not good:
            result.raiseException()

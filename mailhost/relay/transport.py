"""The relay as a transport: recipients grouped by next hop, hosts tried in turn, each recipient's
fate its own.

A host that cannot be reached, does not want us or says 421 passes the turn to the next one; what a
host says of a recipient or a message counts (RFC 5321 §4.5.4.1, §5.1). A destination where nobody
answered is left alone for a moment, so that not each message of many waits for the same silence.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from zope.interface import implementer

from mailhost.config.model import Relay
from mailhost.config.secrets import Secrets
from mailhost.events import Attempted
from mailhost.interfaces import IEventSink, IResolver, ITransport
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Fate, Outcome, outcome_of
from mailhost.message.status import Status
from mailhost.net.tls import client_tls
from mailhost.relay.connect import ClientTLS, Connector, Target, Unreachable
from mailhost.relay.nexthop import (
    NO_HOST,
    Destination,
    Host,
    choose_destination,
    find_addresses,
    find_hosts,
)
from mailhost.relay.pool import Connection, Pool
from mailhost.smtp.client import Broken
from mailhost.smtp.dialogue import Sending

MOST_ADDRESSES = 10  # tried for one message in one attempt
REST = 10.0  # seconds that a destination where nobody answered is left alone
LOST = Status(451, "4.4.2", "The connection was lost before the host took the message")


@implementer(ITransport)
class RelayTransport:
    """Carries mail to other hosts."""

    def __init__(
        self,
        reactor: Any,
        resolver: IResolver,
        settings: Relay,
        secrets: Secrets,
        hostname: str,
        events: IEventSink,
        tls: ClientTLS = client_tls,
    ) -> None:
        self._clock = reactor
        self._resolver = resolver
        self._events = events
        self._connector = Connector(reactor, hostname, tls)
        self._pool = Pool(reactor, settings)
        self._silent: dict[Destination, tuple[float, Status]] = {}
        self.replace_settings(settings, secrets, hostname)

    def replace_settings(self, settings: Relay, secrets: Secrets, hostname: str) -> None:
        """Take new settings; connections that are open go on."""
        self._settings = settings
        self._secrets = secrets
        self._pool.settings = settings
        self._connector.hostname = hostname
        self._connector.bind = settings.bind
        self._connector.connect_timeout = settings.connect_timeout
        self._silent.clear()

    async def stop(self) -> None:
        """End idle connections."""
        self._pool.close()

    async def deliver(
        self,
        envelope: Envelope,
        content: Content,
        recipients: Sequence[ForwardPath],
        identity: str,
        attempts: int = 0,
    ) -> Sequence[Outcome]:
        groups: dict[Destination, list[ForwardPath]] = {}
        sender = envelope.reverse_path.domain if envelope.reverse_path else ""
        for path in recipients:
            destination = choose_destination(
                self._settings.route, self._settings.port, sender, path.address.domain, attempts
            )
            groups.setdefault(destination, []).append(path)
        results = await gatherResults(
            [
                Deferred.fromCoroutine(self._carry(destination, Sending(envelope, content, some)))
                for destination, some in groups.items()
            ],
            consumeErrors=True,
        )
        outcomes = {outcome.recipient: outcome for result in results for outcome in result}
        for path in recipients:
            self._events.tell(Attempted(identity, outcomes[path]))
        return [outcomes[path] for path in recipients]

    async def _carry(self, destination: Destination, sending: Sending) -> list[Outcome]:
        until, status = self._silent.get(destination, (0.0, LOST))
        if until > self._clock.seconds():
            return _all(sending, status)
        self._silent.pop(destination, None)
        async with self._pool.place(destination):
            connection = self._pool.take(destination)
            if connection is not None:
                outcomes = await self._send(destination, connection, sending)
                if outcomes is not None:
                    return outcomes
            return await self._try_hosts(destination, sending)

    async def _try_hosts(self, destination: Destination, sending: Sending) -> list[Outcome]:
        hosts = await find_hosts(
            self._resolver, destination, self._connector.hostname, random.shuffle
        )
        if isinstance(hosts, Status):
            return _all(sending, hosts)
        trouble = NO_HOST
        tried = 0
        for host in hosts:
            addresses = await find_addresses(self._resolver, host)
            if isinstance(addresses, Status):
                trouble = _worse(trouble, addresses)
                continue
            for ip in addresses[: MOST_ADDRESSES - tried]:
                tried += 1
                try:
                    connection = await self._connect(destination, host, ip)
                except Unreachable as unreachable:
                    trouble = unreachable.status
                    continue
                outcomes = await self._send(destination, connection, sending)
                if outcomes is not None:
                    return outcomes
                trouble = LOST.because(f"{connection.target} would not go on")
        if trouble.temporary:
            self._silent[destination] = (self._clock.seconds() + REST, trouble)
        return _all(sending, trouble)

    async def _connect(self, destination: Destination, host: Host, ip: str) -> Connection:
        route = destination.route
        target = Target(host.name, ip, destination.port, destination.tls)
        if route is not None and route.user:
            password = self._secrets.of(route.password)
            target = replace(target, user=route.user, password=password)
        return Connection(await self._connector.open(target), target)

    async def _send(
        self, destination: Destination, connection: Connection, sending: Sending
    ) -> list[Outcome] | None:
        """Send over this connection. None: the host took nothing and said nothing that counts."""
        dialogue = connection.dialogue
        try:
            await dialogue.send(sending)
        except Broken as broken:
            if not sending.begun:
                sending.statuses.clear()
                return None  # nothing of the message is there: another host may take it
            sending.decide(LOST.because(f"{connection.target}: {broken}"))
        except BaseException:
            dialogue.abort()
            raise
        if all(status.code == 421 for status in sending.statuses.values()):
            dialogue.abort()
            sending.statuses.clear()
            return None
        connection.messages += 1
        self._pool.give(destination, connection)
        good = Fate.PASSED_ON if dialogue.reports else Fate.RELAYED
        by = str(connection.target)
        return [outcome_of(path, sending.statuses[path], good, by) for path in sending.recipients]


def _all(sending: Sending, status: Status) -> list[Outcome]:
    return [outcome_of(path, status, Fate.RELAYED) for path in sending.recipients]


def _worse(known: Status, new: Status) -> Status:
    """Of two troubles, the one that leaves hope: another attempt may find what this one did not."""
    return known if known.temporary else new

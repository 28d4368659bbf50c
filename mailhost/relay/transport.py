"""The relay as a transport: recipients grouped by next hop, each group sent at once.

A message that leaves this host through an alias carries a Delivered-To field with the alias (RFC
9228), so that a mail loop is noticed when the message comes back for that address. Recipients with
different aliases get a copy each, so that no recipient sees the alias of another one.

A destination where nobody could be reached is left alone for a moment, so that not each message of
many waits for the same silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Any, TypeAlias

from zope.interface import implementer

from mailhost.concurrency.pauses import pauses_of
from mailhost.concurrency.together import together
from mailhost.config.model import Listen, Relay
from mailhost.config.secrets import Secrets
from mailhost.interfaces.dns import IResolver
from mailhost.interfaces.events import Attempted, IEventSink
from mailhost.interfaces.queue import ITransport, Unfinished
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Outcome
from mailhost.message.trace import alias_fields
from mailhost.net.tls.client import client_tls
from mailhost.relay.attempt import Attempt, Trouble, Ways, reported
from mailhost.relay.connect import ClientTLS, Connector, Target
from mailhost.relay.nexthop import NO_HOST, Destination, Host, choose_destination
from mailhost.relay.own_addresses import OwnAddresses, where_we_take_mail
from mailhost.relay.pool import Connection, Pool
from mailhost.smtp.client.sending import Sending

PART = 200  # recipients that are sent to, or looked at, in a row
REST = 10.0  # seconds that a destination where nobody could be reached is left alone

_Groups: TypeAlias = dict[tuple[Destination, tuple[Address, ...]], list[ForwardPath]]


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
        listeners: Sequence[Listen] = (),
    ) -> None:
        self._clock = reactor
        self._pause = pauses_of(reactor)
        self._resolver = resolver
        self._events = events
        self._connector = Connector(reactor, hostname, tls)
        self._pool = Pool(reactor, settings)
        self._silent: dict[Destination, tuple[float, Trouble]] = {}
        self.reconfigure(settings, secrets, hostname, listeners)

    def reconfigure(
        self, settings: Relay, secrets: Secrets, hostname: str, listeners: Sequence[Listen] = ()
    ) -> None:
        """Take new settings; connections that are open go on. `listeners` are all of the host's."""
        self._settings = settings
        self._secrets = secrets
        self._pool.settings = settings
        self._connector.hostname = hostname
        self._connector.bind = settings.bind
        self._connector.connect_timeout = settings.connect_timeout
        own = OwnAddresses(hostname, where_we_take_mail(listeners), settings.allow_loopback)
        self._ways = Ways(self._resolver, own, self._connect)
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
        groups = await self._grouped(envelope, recipients, attempts)
        outcomes = await together(
            [
                partial(self._carry, destination, envelope, content, some[at : at + PART], identity)
                for (destination, _), some in groups.items()
                for at in range(0, len(some), PART)
            ],
            self._pause,
        )
        known = {outcome.recipient: outcome for outcome in outcomes}
        return [known[path] for path in recipients]

    async def _grouped(
        self, envelope: Envelope, recipients: Sequence[ForwardPath], attempts: int
    ) -> _Groups:
        """Recipients with the same next hop and the same aliases."""
        sender = envelope.reverse_path.domain if envelope.reverse_path else ""
        routes, port = self._settings.route, self._settings.port
        destinations: dict[str, Destination] = {}
        groups: _Groups = {}
        for number, path in enumerate(recipients, 1):
            domain = path.address.domain
            destination = destinations.get(domain)
            if destination is None:
                destination = choose_destination(routes, port, sender, domain, attempts)
                destinations[domain] = destination
            groups.setdefault((destination, path.through), []).append(path)
            if number % PART == 0:
                await self._pause()
        return groups

    async def _carry(
        self,
        destination: Destination,
        envelope: Envelope,
        content: Content,
        some: Sequence[ForwardPath],
        identity: str,
    ) -> Sequence[Outcome]:
        """Send to recipients with the same aliases."""
        marked = _marked(content, some[0].through, envelope.smtputf8)
        sending = Sending(envelope, marked, some)
        attempt = Attempt(destination, sending, self._pool)
        try:
            await self._pool.enter(destination)
            try:
                await self._try(destination, attempt)
            finally:
                self._pool.leave(destination)
        except Exception as bug:
            raise Unfinished(bug, list(attempt.outcomes.values())) from bug
        finally:
            for outcome in attempt.outcomes.values():
                self._events.emit(Attempted(identity, outcome))
        return list(attempt.outcomes.values())

    async def _try(self, destination: Destination, attempt: Attempt) -> None:
        until, silence = self._silent.get(destination, (0.0, Trouble(NO_HOST)))
        if self._clock.seconds() < until:
            attempt.give_up(silence)
            return
        kept: list[Trouble] = []
        connection = self._pool.take(destination)
        if connection is not None:
            kept.append(await attempt.send(connection))
        if attempt.over:
            return
        trouble = await attempt.try_hosts(self._ways)
        attempt.give_up(reported([trouble, *kept]))
        if trouble.status.temporary and not attempt.reached:
            self._leave_alone(destination, trouble)

    def _leave_alone(self, destination: Destination, trouble: Trouble) -> None:
        now = self._clock.seconds()
        self._silent.pop(destination, None)
        self._silent[destination] = (now + REST, trouble)
        over = takewhile(lambda each: self._silent[each][0] <= now, self._silent)  # oldest first
        for each in list(over):
            del self._silent[each]

    async def _connect(self, destination: Destination, host: Host, ip: str) -> Connection:
        route = destination.route
        target = Target(host.name, ip, destination.port, destination.tls)
        if route is not None and route.user:
            password = self._secrets.of(route.password)
            target = replace(target, user=route.user, password=password)
        return Connection(await self._connector.open(target), target)


def _marked(content: Content, through: Sequence[Address], utf8: bool) -> Content:
    """The message with a Delivered-To field for each alias on top."""
    return content.after(alias_fields(through, utf8)) if through else content

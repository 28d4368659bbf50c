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
from typing import Any

from zope.interface import implementer

from mailhost.config.model import Listen, Relay
from mailhost.config.secrets import Secrets
from mailhost.events import Attempted
from mailhost.interfaces import IEventSink, IResolver, ITransport, Unfinished
from mailhost.message.address import Address
from mailhost.message.content import Content
from mailhost.message.envelope import Envelope, ForwardPath
from mailhost.message.outcome import Outcome
from mailhost.message.trace import alias_fields
from mailhost.net.tls import client_tls
from mailhost.net.together import together
from mailhost.relay.attempt import Attempt, Trouble, Ways, reported
from mailhost.relay.connect import ClientTLS, Connector, Target
from mailhost.relay.nexthop import NO_HOST, Destination, Host, choose_destination
from mailhost.relay.ourselves import Ourselves, where_we_take_mail
from mailhost.relay.pool import Connection, Pool
from mailhost.smtp.sending import Sending

REST = 10.0  # seconds that a destination where nobody could be reached is left alone


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
        self._resolver = resolver
        self._events = events
        self._connector = Connector(reactor, hostname, tls)
        self._pool = Pool(reactor, settings)
        self._silent: dict[Destination, tuple[float, Trouble]] = {}
        self.replace_settings(settings, secrets, hostname, listeners)

    def replace_settings(
        self, settings: Relay, secrets: Secrets, hostname: str, listeners: Sequence[Listen] = ()
    ) -> None:
        """Take new settings; connections that are open go on. `listeners` are all of the host's."""
        self._settings = settings
        self._secrets = secrets
        self._pool.settings = settings
        self._connector.hostname = hostname
        self._connector.bind = settings.bind
        self._connector.connect_timeout = settings.connect_timeout
        own = Ourselves(hostname, where_we_take_mail(listeners), settings.allow_loopback)
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
        groups: dict[tuple[Destination, tuple[Address, ...]], list[ForwardPath]] = {}
        sender = envelope.reverse_path.domain if envelope.reverse_path else ""
        utf8 = envelope.smtputf8
        for path in recipients:
            destination = choose_destination(
                self._settings.route, self._settings.port, sender, path.address.domain, attempts
            )
            groups.setdefault((destination, path.through), []).append(path)
        outcomes = {}
        for outcome in await together(
            [
                self._carry(destination, Sending(envelope, _marked(content, through, utf8), some))
                for (destination, through), some in groups.items()
            ]
        ):
            self._events.tell(Attempted(identity, outcome))
            outcomes[outcome.recipient] = outcome
        return [outcomes[path] for path in recipients]

    async def _carry(self, destination: Destination, sending: Sending) -> Sequence[Outcome]:
        attempt = Attempt(destination, sending, self._pool)
        try:
            await self._pool.enter(destination)
            try:
                await self._try(destination, attempt)
            finally:
                self._pool.leave(destination)
        except Exception as bug:
            raise Unfinished(bug, list(attempt.outcomes.values())) from bug
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
        self._silent = {each: rest for each, rest in self._silent.items() if rest[0] > now}
        self._silent[destination] = (now + REST, trouble)

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

"""Which machine serves which listener."""

from __future__ import annotations

from collections.abc import Callable

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.config.client_endpoint import ClientEndpoint, parse_client_endpoint
from mailhost.config.model import Listen, OfferDSN, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.reception import IReception
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.pump import Listener, MachineMaker, PumpFactory
from mailhost.net.sasl.mechanisms import Logins
from mailhost.net.tls import STRICT, Role
from mailhost.pop3.session import Pop3Session
from mailhost.proxy.connect import Server, Upstreams
from mailhost.proxy.context import ProxyContext
from mailhost.proxy.reception import ProxyReception
from mailhost.reception.context import ListenerContext
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.reception import Reception
from mailhost.reception.rules import Rules
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.reply import encode_reply
from mailhost.smtp.server.session import Session

POP3 = (ListenProtocol.POP3, ListenProtocol.POP3S)
ROLES = {
    # other mail servers send in the clear where no handshake succeeds
    ListenProtocol.SMTP: Role(opportunistic=True),
    **{wire: Role(protocols=(b"pop3",)) for wire in POP3},
}


def make_factory(foundation: Foundation, listen: Listen) -> PumpFactory:
    """Return the factory for one listener. Before the first connection it must be given what makes
    the sessions (`PumpFactory.serve`)."""
    wire = listen.protocol
    busy: Callable[[Status], bytes] = _pop3_busy if wire in POP3 else encode_reply
    listener = Listener(wire.value, wire.implicit_tls, busy)
    tls = foundation.tls.factory(ROLES.get(wire, STRICT))
    clock, limits, events = foundation.reactor, foundation.limits, foundation.events
    return PumpFactory(listener, _nothing_yet, clock, limits, tls, events)


def _nothing_yet(output: IWire, client: Client) -> IMachine:
    raise AssertionError("a connection came before the services were made")


def machine_maker(services: Services, listen: Listen) -> MachineMaker:
    """Return what makes the sessions of a listener, with the services of one generation."""
    wire = listen.protocol
    if wire in POP3:
        return _pop3_maker(services, wire)
    return _proxy_maker(services, listen) if wire.proxied else _smtp_maker(services, wire)


def _proxy_maker(services: Services, listen: Listen) -> MachineMaker:
    wire = listen.protocol
    context = _proxy_context(services, listen)
    options = _options(services.settings, wire)

    def make(output: IWire, client: Client) -> IMachine:
        proxy = ProxyReception(context)
        reception = _filtered(services, wire, client, proxy)
        return Session(output, client, reception, proxy, options, services.foundation.events)

    return make


def _proxy_context(services: Services, listen: Listen) -> ProxyContext:
    settings, foundation = services.settings, services.foundation
    limits = settings.limits
    upstreams = Upstreams(
        foundation.reactor,
        [_server(parse_client_endpoint(text), listen) for text in listen.upstream],
        settings.hostname,
        listen.upstream_tls,
        listen.identity,
    )
    return ProxyContext(
        settings.hostname,
        upstreams,
        services.incoming,
        foundation.in_thread,
        foundation.events,
        services.guard,
        limits.message_size,
        limits.recipients,
        memory=limits.message_memory,
        hops=limits.hops,
        trace=listen.trace,
        plaintext_on_loopback=settings.login.plaintext_on_loopback,
    )


def _server(found: ClientEndpoint, listen: Listen) -> Server:
    return Server(found.endpoint, listen.upstream_name or found.host, found.tls_first)


def _smtp_maker(services: Services, wire: ListenProtocol) -> MachineMaker:
    settings = services.settings
    options = _options(settings, wire)
    rules = Rules(
        settings.hostname,
        login=wire in (ListenProtocol.SUBMISSION, ListenProtocol.SUBMISSIONS),
        networks=settings.relay.networks,
        hops=settings.limits.hops,
        memory=settings.limits.message_memory,
        strangers=_strangers(settings, wire, options),
    )
    context = ListenerContext(
        rules,
        services.foundation.directory,
        services.router,
        services.store,
        services.handover,
        services.outgoing,
        services.incoming,
        services.foundation.in_thread,
        services.foundation.events,
        services.foundation.pause,
    )
    reception = Reception(context)
    logins = Logins(services.authenticator)

    def make(output: IWire, client: Client) -> IMachine:
        filtered = _filtered(services, wire, client, reception)
        return Session(output, client, filtered, logins, options, services.foundation.events)

    return make


def _strangers(
    settings: Settings, wire: ListenProtocol, options: SessionOptions
) -> Extensions | None:
    """The extensions for unknown clients, None for all that the listener offers. On submission
    ports all clients log in, but after EHLO; an LMTP client passes on the wishes of its own."""
    if settings.limits.dsn is OfferDSN.EVERYONE or wire is not ListenProtocol.SMTP:
        return None
    return options.extensions.ignoring("DSN")


def _filtered(
    services: Services, wire: ListenProtocol, client: Client, behind: IReception
) -> IReception:
    """What a session talks to: `behind`, or the filters before it."""
    chain = services.chains.get(wire)
    return FilteredReception(chain, client, behind, services.handover) if chain else behind


def _options(settings: Settings, wire: ListenProtocol) -> SessionOptions:
    limits = settings.limits
    return SessionOptions(
        hostname=settings.hostname,
        message_size=limits.message_size,
        recipients=limits.recipients,
        errors=limits.errors,
        command_timeout=limits.command_timeout,
        data_timeout=limits.data_timeout,
        lmtp=wire is ListenProtocol.LMTP,
    )


def _pop3_maker(services: Services, wire: ListenProtocol) -> MachineMaker:
    def make(output: IWire, client: Client) -> IMachine:
        return Pop3Session(
            output,
            client,
            services.authenticator,
            services.store,
            services.foundation.events,
            tls_available=True,
            hostname=services.settings.hostname,
        )

    return make


def _pop3_busy(status: Status) -> bytes:
    return f"-ERR [SYS/TEMP] {status.text}\r\n".encode()

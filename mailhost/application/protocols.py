"""The server of each protocol: a table from protocols to what makes their sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.config.client_endpoint import ClientEndpoint, parse_client_endpoint
from mailhost.config.model import Listen, OfferDSN, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.reception import IReception
from mailhost.interfaces.server import IServer
from mailhost.interfaces.wire import IMachine, IWire
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.pump import Listener, MachineMaker, PumpFactory
from mailhost.net.sasl.mechanisms import Logins
from mailhost.net.tls import Role
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

BusyReply = Callable[[Status], bytes]


def make_server(foundation: Foundation, listen: Listen) -> IServer:
    """Return the server of one listener. Before the first connection its `serve` must be given what
    `session_maker` returns."""
    return _PROTOCOLS[listen.protocol].server(foundation, listen.protocol)


def session_maker(services: Services, listen: Listen) -> Any:
    """Return what makes the sessions of a listener, with the services of one generation, as the
    protocol's server takes it."""
    return _PROTOCOLS[listen.protocol].sessions(services, listen)


@dataclass(frozen=True, slots=True)
class _Protocol:
    """What differs between protocols here. What the settings must know is in `config/protocol`."""

    server: Callable[[Foundation, ListenProtocol], IServer]
    sessions: Callable[[Services, Listen], Any]


def _pump(foundation: Foundation, protocol: ListenProtocol, busy: BusyReply) -> IServer:
    properties = protocol.properties
    listener = Listener(protocol.value, properties.implicit_tls, busy)
    role = Role((properties.alpn,) if properties.alpn else (), properties.opportunistic_tls)
    tls = foundation.tls.factory(role)
    clock, limits, events = foundation.reactor, foundation.limits, foundation.events
    return PumpFactory(listener, _nothing_yet, clock, limits, tls, events)


def _nothing_yet(output: IWire, client: Client) -> IMachine:
    raise AssertionError("a connection came before the services were made")


def _smtp_server(foundation: Foundation, protocol: ListenProtocol) -> IServer:
    return _pump(foundation, protocol, encode_reply)


def _pop3_server(foundation: Foundation, protocol: ListenProtocol) -> IServer:
    return _pump(foundation, protocol, _pop3_busy)


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


def _smtp_maker(services: Services, listen: Listen) -> MachineMaker:
    settings, wire = services.settings, listen.protocol
    options = _options(settings, wire)
    rules = Rules(
        settings.hostname,
        login=wire.properties.login_required,
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


def _pop3_maker(services: Services, listen: Listen) -> MachineMaker:
    logins = Logins(services.authenticator)

    def make(output: IWire, client: Client) -> IMachine:
        return Pop3Session(
            output,
            client,
            logins,
            services.store,
            services.foundation.events,
            tls_available=True,
            hostname=services.settings.hostname,
        )

    return make


def _pop3_busy(status: Status) -> bytes:
    return f"-ERR [SYS/TEMP] {status.text}\r\n".encode()


_SMTP = _Protocol(_smtp_server, _smtp_maker)
_POP3 = _Protocol(_pop3_server, _pop3_maker)
_PROXY = _Protocol(_smtp_server, _proxy_maker)
_PROTOCOLS: Mapping[ListenProtocol, _Protocol] = MappingProxyType(
    {
        ListenProtocol.SMTP: _SMTP,
        ListenProtocol.SUBMISSION: _SMTP,
        ListenProtocol.SUBMISSIONS: _SMTP,
        ListenProtocol.LMTP: _SMTP,
        ListenProtocol.POP3: _POP3,
        ListenProtocol.POP3S: _POP3,
        ListenProtocol.PROXY: _PROXY,
        ListenProtocol.PROXYS: _PROXY,
    }
)

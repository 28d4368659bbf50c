"""The table of protocols: which session serves which listener. The web listener has no sessions,
and is made in `web`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from mailhost.application.foundation import Foundation
from mailhost.application.services import Services
from mailhost.config.client_endpoint import ClientEndpoint, parse_client_endpoint
from mailhost.config.model import Listen, OfferDSN, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.imap.context import Context, ImapOptions
from mailhost.imap.session import ImapSession
from mailhost.interfaces.extensions import Extensions
from mailhost.interfaces.reception import IReception
from mailhost.interfaces.wire import IMachine, IServerFactory, IWire
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.pump import MachineMaker, PumpFactory, ServedProtocol
from mailhost.net.sasl.mechanisms import Logins
from mailhost.net.tls.server import STRICT, Role
from mailhost.pop3.session import Pop3Session
from mailhost.proxy.connect import Upstreams, UpstreamServer
from mailhost.proxy.context import ProxyContext
from mailhost.proxy.reception import ProxyReception
from mailhost.reception.context import ListenerContext
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.reception import Reception
from mailhost.reception.rules import Rules
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.reply import encode_reply
from mailhost.smtp.server.session import Session


@dataclass(frozen=True, slots=True)
class Protocol:
    """The server of a protocol: `maker` makes its sessions, `busy` encodes a refusal while the host
    is full, and `role` is its side of TLS handshakes."""

    maker: Callable[[Services, Listen], MachineMaker]
    busy: Callable[[Status], bytes]
    role: Role


def make_factory(foundation: Foundation, listen: Listen) -> IServerFactory:
    """Return the factory for one listener. Before the first connection it must be given what makes
    the sessions (`serve`)."""
    if listen.protocol.web:
        from mailhost.application.web import make_web_factory  # not by hosts and workers without it

        return make_web_factory(foundation, listen)
    return _pump_factory(foundation, listen)


def _pump_factory(foundation: Foundation, listen: Listen) -> PumpFactory:
    protocol, row = listen.protocol, PROTOCOLS[listen.protocol]
    served = ServedProtocol(protocol.value, protocol.implicit_tls, row.busy)
    tls = foundation.tls.factory(row.role)
    clock, limits, events = foundation.reactor, foundation.limits, foundation.events
    return PumpFactory(served, _nothing_yet, clock, limits, tls, events, foundation.counts)


def _nothing_yet(output: IWire, client: Client) -> IMachine:
    raise AssertionError("a connection came before the services were made")


def serve(factory: IServerFactory, services: Services, listen: Listen) -> None:
    """Have new connections of a listener served by the services of a generation."""
    if listen.protocol.web:
        from mailhost.application.web import make_site

        factory.serve(make_site(services))
    else:
        factory.serve(machine_maker(services, listen))


def machine_maker(services: Services, listen: Listen) -> MachineMaker:
    """Return what makes the sessions of a listener of mail, with the services of one generation."""
    return PROTOCOLS[listen.protocol].maker(services, listen)


def _proxy_maker(services: Services, listen: Listen) -> MachineMaker:
    wire = listen.protocol
    context = _proxy_context(services, listen)
    options = session_options(services.settings, wire)

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
        subject=settings.trace.subject and not settings.trace.off,
        plaintext_on_loopback=settings.login.plaintext_on_loopback,
    )


def _server(found: ClientEndpoint, listen: Listen) -> UpstreamServer:
    return UpstreamServer(found.endpoint, listen.upstream_name or found.host, found.tls_first)


def _smtp_maker(services: Services, listen: Listen) -> MachineMaker:
    wire = listen.protocol
    options = session_options(services.settings, wire)
    reception = Reception(listener_context(services, wire))
    logins = Logins(services.authenticator)
    foundation, sessions = services.foundation, services.foundation.sessions

    def make(output: IWire, client: Client) -> IMachine:
        filtered = _filtered(services, wire, client, reception)
        return Session(output, client, filtered, logins, options, foundation.events, sessions)

    return make


def listener_context(services: Services, wire: ListenProtocol) -> ListenerContext:
    """Return what the receptions of all sessions at a listener share, for listeners whose mail this
    host takes itself."""
    return ListenerContext(
        _rules(services.settings, wire),
        services.foundation.directory,
        services.router,
        services.store,
        services.handover,
        services.outgoing,
        services.incoming,
        services.foundation.in_thread,
        services.foundation.events,
        services.foundation.pause,
        stopped=services.foundation.stopped,
    )


def _rules(settings: Settings, wire: ListenProtocol) -> Rules:
    return Rules(
        settings.hostname,
        login=wire.needs_login,
        networks=settings.relay.networks,
        hops=settings.limits.hops,
        memory=settings.limits.message_memory,
        extensions_without_relay=_extensions_without_relay(settings, wire),
        subject=settings.trace.subject and not settings.trace.off,
    )


def _extensions_without_relay(settings: Settings, wire: ListenProtocol) -> Extensions | None:
    """The extensions for unknown clients, None for all that the listener offers. On submission
    ports all clients log in, but after EHLO; an LMTP client passes on the wishes of its own."""
    if settings.limits.dsn is OfferDSN.EVERYONE or wire is not ListenProtocol.SMTP:
        return None
    return session_options(settings, wire).extensions.ignoring("DSN")


def _filtered(
    services: Services, wire: ListenProtocol, client: Client, behind: IReception
) -> IReception:
    """The reception of a session: `behind`, or the filters before it."""
    chain = services.chains.get(wire)
    return FilteredReception(chain, client, behind, services.handover) if chain else behind


def session_options(settings: Settings, wire: ListenProtocol) -> SessionOptions:
    """Return the options of the SMTP sessions at a listener."""
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
            sessions=services.foundation.sessions,
        )

    return make


def _imap_maker(services: Services, listen: Listen) -> MachineMaker:
    settings, foundation = services.settings, services.foundation
    logins = Logins(services.authenticator)
    options = ImapOptions(
        hostname=settings.hostname,
        append_limit=settings.limits.message_size,
        message_memory=settings.limits.message_memory,
        folder=services.incoming,
        data_timeout=settings.limits.data_timeout,
        disabled=frozenset(listen.disable),
        disabled_for={
            account: frozenset(names) for account, names in settings.imap.disable.items()
        },
    )

    def make(output: IWire, client: Client) -> IMachine:
        return ImapSession(
            Context(
                output,
                client,
                logins,
                services.accounts,
                foundation.events,
                options,
                foundation.pause,
                foundation.in_thread,
                time.time,
                foundation.reactor,
                foundation.account_limit,
                sessions=foundation.sessions,
            )
        )

    return make


def _imap_busy(status: Status) -> bytes:
    return f"* BYE [UNAVAILABLE] {status.text}\r\n".encode()


def _pop3_busy(status: Status) -> bytes:
    return f"-ERR [SYS/TEMP] {status.text}\r\n".encode()


# other mail servers send in the clear if no handshake succeeds, so port 25 is lenient
_SMTP = Protocol(_smtp_maker, encode_reply, Role(opportunistic=True))
_STRICT_SMTP = Protocol(_smtp_maker, encode_reply, STRICT)
_POP3 = Protocol(_pop3_maker, _pop3_busy, Role(protocols=(b"pop3",)))
_IMAP = Protocol(_imap_maker, _imap_busy, Role(protocols=(b"imap",)))
_PROXY = Protocol(_proxy_maker, encode_reply, STRICT)

PROTOCOLS = {
    ListenProtocol.SMTP: _SMTP,
    ListenProtocol.SUBMISSION: _STRICT_SMTP,
    ListenProtocol.SUBMISSIONS: _STRICT_SMTP,
    ListenProtocol.LMTP: _STRICT_SMTP,
    ListenProtocol.POP3: _POP3,
    ListenProtocol.POP3S: _POP3,
    ListenProtocol.IMAP: _IMAP,
    ListenProtocol.IMAPS: _IMAP,
    ListenProtocol.PROXY: _PROXY,
    ListenProtocol.PROXYS: _PROXY,
}

"""Which machine serves which listener."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mailhost.application.rooms import Rooms
from mailhost.config.client_endpoint import ClientEndpoint, parse_client_endpoint
from mailhost.config.model import Listen, OfferDSN, Settings
from mailhost.config.wire import Wire
from mailhost.interfaces import IMachine, IReception, IWire
from mailhost.message.client import Client
from mailhost.message.extensions import Extensions
from mailhost.message.status import Status
from mailhost.net.pump import Listener, MachineMaker, PumpFactory
from mailhost.net.sasl.mechanisms import Logins
from mailhost.net.tls import STRICT, Role
from mailhost.pop3.session import Pop3Session
from mailhost.proxy.connect import Server, Upstreams
from mailhost.proxy.house import House
from mailhost.proxy.reception import ProxyReception
from mailhost.reception.desk import Desk
from mailhost.reception.filters.reception import FilteredReception
from mailhost.reception.reception import Reception
from mailhost.reception.rules import Rules
from mailhost.smtp.reply import encode_reply
from mailhost.smtp.session import Session
from mailhost.smtp.terms import Terms

POP3 = (Wire.POP3, Wire.POP3S)
ROLES = {
    # other mail servers send in the clear where no handshake succeeds
    Wire.SMTP: Role(opportunistic=True),
    **{wire: Role(protocols=(b"pop3",)) for wire in POP3},
}


def make_factory(rooms: Rooms, listen: Listen, reactor: Any) -> PumpFactory:
    """Return the factory for one listener."""
    wire = listen.protocol
    busy: Callable[[Status], bytes] = _pop3_busy if wire in POP3 else encode_reply
    listener = Listener(wire.value, wire.implicit_tls, busy)
    maker = machine_maker(rooms, listen, reactor)
    tls = rooms.tls.factory(ROLES.get(wire, STRICT))
    return PumpFactory(listener, maker, reactor, rooms.limits, tls, rooms.events)


def machine_maker(rooms: Rooms, listen: Listen, reactor: Any) -> MachineMaker:
    """Return what makes a session of this wire, by the settings as they are now."""
    wire = listen.protocol
    if wire in POP3:
        return _pop3_maker(rooms, wire)
    return _proxy_maker(rooms, listen, reactor) if wire.proxied else _smtp_maker(rooms, wire)


def _proxy_maker(rooms: Rooms, listen: Listen, reactor: Any) -> MachineMaker:
    wire = listen.protocol
    house = _house(rooms, listen, reactor)
    terms = _terms(rooms.settings, wire)

    def make(output: IWire, client: Client) -> IMachine:
        proxy = ProxyReception(house)
        reception = _filtered(rooms, wire, client, proxy)
        return Session(output, client, reception, proxy, terms, rooms.events)

    return make


def _house(rooms: Rooms, listen: Listen, reactor: Any) -> House:
    settings = rooms.settings
    limits = settings.limits
    upstreams = Upstreams(
        reactor,
        [_server(parse_client_endpoint(text), listen) for text in listen.upstream],
        settings.hostname,
        listen.upstream_tls,
        listen.identity,
    )
    return House(
        settings.hostname,
        upstreams,
        rooms.incoming,
        rooms.in_thread,
        rooms.events,
        rooms.guard,
        limits.message_size,
        limits.recipients,
        memory=limits.message_memory,
        hops=limits.hops,
        trace=listen.trace,
        plaintext_on_loopback=settings.login.plaintext_on_loopback,
    )


def _server(found: ClientEndpoint, listen: Listen) -> Server:
    return Server(found.endpoint, listen.upstream_name or found.host, found.tls_first)


def _smtp_maker(rooms: Rooms, wire: Wire) -> MachineMaker:
    settings = rooms.settings
    terms = _terms(settings, wire)
    rules = Rules(
        settings.hostname,
        login=wire in (Wire.SUBMISSION, Wire.SUBMISSIONS),
        networks=settings.relay.networks,
        hops=settings.limits.hops,
        memory=settings.limits.message_memory,
        strangers=_strangers(settings, wire, terms),
    )
    desk = Desk(
        rules,
        rooms.directory,
        rooms.router,
        rooms.store,
        rooms.handover,
        rooms.incoming,
        rooms.in_thread,
        rooms.events,
        rooms.pause,
    )
    reception = Reception(desk)
    logins = Logins(rooms.authenticator)

    def make(output: IWire, client: Client) -> IMachine:
        filtered = _filtered(rooms, wire, client, reception)
        return Session(output, client, filtered, logins, terms, rooms.events)

    return make


def _strangers(settings: Settings, wire: Wire, terms: Terms) -> Extensions | None:
    """The extensions for unknown clients, None for all that the listener offers. On submission
    ports all clients log in, but after EHLO; an LMTP client passes on the wishes of its own."""
    if settings.limits.dsn is OfferDSN.EVERYONE or wire is not Wire.SMTP:
        return None
    return terms.extensions.ignoring("DSN")


def _filtered(rooms: Rooms, wire: Wire, client: Client, behind: IReception) -> IReception:
    """What a session talks to: `behind`, or the filters before it."""
    chain = rooms.chains.get(wire)
    return FilteredReception(chain, client, behind, rooms.handover) if chain else behind


def _terms(settings: Settings, wire: Wire) -> Terms:
    limits = settings.limits
    return Terms(
        hostname=settings.hostname,
        message_size=limits.message_size,
        recipients=limits.recipients,
        errors=limits.errors,
        command_timeout=limits.command_timeout,
        data_timeout=limits.data_timeout,
        lmtp=wire is Wire.LMTP,
    )


def _pop3_maker(rooms: Rooms, wire: Wire) -> MachineMaker:
    def make(output: IWire, client: Client) -> IMachine:
        return Pop3Session(
            output,
            client,
            rooms.authenticator,
            rooms.store,
            rooms.events,
            tls_available=True,
            hostname=rooms.settings.hostname,
        )

    return make


def _pop3_busy(status: Status) -> bytes:
    return f"-ERR [SYS/TEMP] {status.words}\r\n".encode()

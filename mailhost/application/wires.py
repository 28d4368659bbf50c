"""Which machine serves which listener."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IReactorTime

from mailhost.application.rooms import Rooms
from mailhost.config.model import Listen, Settings, Wire
from mailhost.interfaces import IMachine, IWire
from mailhost.message.client import Client
from mailhost.message.status import Status
from mailhost.net.pump import Listener, MachineMaker, PumpFactory
from mailhost.net.sasl.mechanisms import Logins
from mailhost.pop3.session import Pop3Session
from mailhost.reception.desk import Desk
from mailhost.reception.reception import Reception
from mailhost.reception.rules import Rules
from mailhost.smtp.reply import encode_reply
from mailhost.smtp.session import Session
from mailhost.smtp.terms import Terms

POP3 = (Wire.POP3, Wire.POP3S)


def make_factory(rooms: Rooms, listen: Listen, clock: IReactorTime) -> PumpFactory:
    """Return the factory for one listener."""
    wire = listen.protocol
    busy: Callable[[Status], bytes] = _pop3_busy if wire in POP3 else encode_reply
    listener = Listener(wire.value, wire.implicit_tls, busy)
    maker = machine_maker(rooms, wire)
    return PumpFactory(listener, maker, clock, rooms.limits, rooms.tls.factory(), rooms.events)


def machine_maker(rooms: Rooms, wire: Wire) -> MachineMaker:
    """Return what makes a session of this wire, by the settings as they are now."""
    return _pop3_maker(rooms, wire) if wire in POP3 else _smtp_maker(rooms, wire)


def _smtp_maker(rooms: Rooms, wire: Wire) -> MachineMaker:
    settings = rooms.settings
    rules = Rules(
        settings.hostname,
        login=wire in (Wire.SUBMISSION, Wire.SUBMISSIONS),
        networks=settings.relay.networks,
        hops=settings.limits.hops,
        memory=settings.limits.message_memory,
    )
    desk = Desk(
        rules,
        rooms.directory,
        rooms.router,
        rooms.handover,
        rooms.incoming,
        rooms.in_thread,
        rooms.events,
    )
    reception = Reception(desk)
    terms = _terms(settings, wire)
    logins = Logins(rooms.authenticator)

    def make(output: IWire, client: Client) -> IMachine:
        return Session(output, client, reception, logins, terms, rooms.events)

    return make


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

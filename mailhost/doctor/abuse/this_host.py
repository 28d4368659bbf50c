"""The checks of abuse for this host: by its rules, and over the wire at its own listeners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_address

from mailhost.config.endpoint import parse_endpoint
from mailhost.config.load import Loaded
from mailhost.config.model import Identity, Listen, Settings
from mailhost.config.protocol import ListenProtocol
from mailhost.doctor.abuse.connecting import Place, opener
from mailhost.doctor.abuse.networks import networks_check
from mailhost.doctor.abuse.open_relay import open_relay_check
from mailhost.doctor.abuse.plain_auth import plain_auth_check
from mailhost.doctor.abuse.running_rules import ELSEWHERE, OUTSIDE, SENDER, running_rules_check
from mailhost.doctor.abuse.smuggling import smuggling_check
from mailhost.doctor.abuse.tricks import Names
from mailhost.doctor.checks import Check
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.host.listeners import LISTENER_SILENT
from mailhost.doctor.running_host import AskHost
from mailhost.message.ids import new_id

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}  # a listener at :: takes IPv4 too
_AS_OUTSIDE = f"PROXY TCP4 {OUTSIDE[0]} 127.0.0.1 40000 25\r\n".encode()
_RELAY_REMEDY = "Check relay.networks, and the filters that change recipients; then reload."
_PROXY_REMEDY = (
    "The server behind the proxy trusts the address of this host: remove this address from the "
    "networks that may relay there (Postfix: mynetworks), or make the proxy send the client's "
    "address (identity)."
)


def abuse_checks(
    context: DoctorContext, loaded: Loaded, ask: AskHost, over_the_wire: bool
) -> Sequence[Check]:
    """Return the checks of the host that `loaded` describes; `ask` asks it. With `over_the_wire`
    abuse is tried at its listeners too."""
    settings = loaded.settings
    tries = _over_the_wire(context, settings) if over_the_wire else ()
    return [
        running_rules_check(ask, settings),
        networks_check(settings.relay.networks, context.in_thread),
        *(replace(each, delayed_by=(LISTENER_SILENT,)) for each in tries),
    ]


def _over_the_wire(context: DoctorContext, settings: Settings) -> Iterator[Check]:
    examined: set[ListenProtocol] = set()
    for listen in settings.listen:
        place = own_place(listen) if _speaks_smtp(listen.protocol) else None
        if place is None:
            continue
        where = f"{listen.protocol.value} at {place}"
        open_connection = opener(context.reactor, place, "localhost")
        if _can_show_relaying(listen, place, settings):
            remedy = _PROXY_REMEDY if listen.protocol.proxied else _RELAY_REMEDY
            names, own = _names(context, settings, place), not listen.protocol.proxied
            yield open_relay_check(open_connection, names, where, remedy, own_names=own)
        if not listen.protocol.needs_login and listen.protocol not in examined:
            examined.add(listen.protocol)
            yield smuggling_check(open_connection, where, "<>", "<postmaster>", own=True)
        if not (place.implicit_tls or settings.login.plaintext_on_loopback):
            yield plain_auth_check(open_connection, where)


def _speaks_smtp(protocol: ListenProtocol) -> bool:
    return protocol.takes_mail and protocol is not ListenProtocol.LMTP


def own_place(listen: Listen) -> Place | None:
    """Return the address and port at which this machine reaches a listener; None if the settings do
    not have them."""
    endpoint, protocol = parse_endpoint(listen.endpoint), listen.protocol
    if endpoint.port is None or endpoint.kind in ("ssl", "tls"):
        return None
    if endpoint.proxied and protocol.implicit_tls:
        return None
    ip = _LOOPBACK.get(endpoint.interface, endpoint.interface)
    preamble = _AS_OUTSIDE if endpoint.proxied else b""
    return Place(ip, endpoint.port, protocol.implicit_tls, preamble)


def _can_show_relaying(listen: Listen, place: Place, settings: Settings) -> bool:
    """True if a stranger gets the same reply as this machine.

    Listeners at which clients must log in are examined by `running_rules`. A server behind a proxy
    that gets the client's address may trust the address of this machine.
    """
    if listen.protocol.needs_login:
        return False
    if listen.protocol.proxied and listen.identity is not Identity.NONE:
        return bool(place.preamble)
    return bool(place.preamble) or not any(
        ip_address(place.ip) in network for network in settings.relay.networks
    )


def _names(context: DoctorContext, settings: Settings, place: Place) -> Names:
    domains = [each.name for each in context.own.domains]
    local, _, domain = ELSEWHERE.partition("@")
    here = domains[0] if domains else settings.hostname
    return Names(here, place.ip, local, domain, SENDER, f"doctor-{new_id()}")

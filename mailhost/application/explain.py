"""The command `explain`: the services of a generation explain how they would treat a message."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from ipaddress import ip_address
from typing import Any

from mailhost.application.protocols import listener_context, session_options
from mailhost.application.services import Services
from mailhost.config.model import Settings
from mailhost.explain.explainer import Explainer, ExplainServices, choose_listener
from mailhost.explain.explanation import CannotExplain, Explanation, Question
from mailhost.message.address import Address, BadAddress, parse_address
from mailhost.message.client import Client, TLSState
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.message.tls_demand import TLSDemand
from mailhost.relay.transport import RelayTransport

ANY_CLIENT = "192.0.2.1"  # RFC 5737: no client has it
_TLS = TLSState("TLSv1.3", "TLS_AES_256_GCM_SHA384")
_HELLO_SIZE = 255  # octets
_LONGEST_SHOWN = 100  # characters of a wrong value


async def explain(
    services: Services,
    relay: RelayTransport,
    why_no_login: Callable[[Client], Status | None],
    question: Question,
) -> dict[str, Any]:
    """Return the explanation as values for JSON. Raises CannotExplain."""
    wire = question.listen.protocol
    context = None if wire.proxied else listener_context(services, wire)
    options = session_options(services.settings, wire)
    explainer = Explainer(_explain_services(services, relay, why_no_login), context, options)
    found: Explanation = await explainer.explain(question)
    return asdict(found)


def _explain_services(
    services: Services, relay: RelayTransport, why_no_login: Callable[[Client], Status | None]
) -> ExplainServices:
    foundation = services.foundation
    return ExplainServices(
        services.settings,
        foundation.reactor,
        foundation.directory,
        services.router,
        services.store,
        services.handover,
        relay,
        services.signing_rules,
        foundation.key_ring,
        services.chains,
        why_no_login,
    )


def question_of(
    settings: Settings,
    sender: str,
    recipient: str,
    client: str = "",
    user: str = "",
    listener: str = "",
    hello: str = "",
    size: int = 0,
    tls: str = "",
) -> Question:
    """Return the question of these texts. An empty `sender` is the null reverse-path; the client is
    ANY_CLIENT where none is named. `size` is in octets, 0 for an unknown size. `tls` is a
    TLSDemand; a client that demands TLS has TLS itself.

    Raises CannotExplain, also for values of other types, which clients of the control socket may
    send.
    """
    _check_texts(
        sender=sender,
        recipient=recipient,
        client=client,
        user=user,
        listener=listener,
        hello=hello,
    )
    _check_size(size)
    listen = choose_listener(settings, listener, bool(user))
    protocol = listen.protocol
    account = _address(user) if user else None
    demand = _demand(tls)
    encrypted = account is not None or protocol.needs_login or protocol.implicit_tls
    encrypted |= demand is TLSDemand.REQUIRED
    ip = _ip(client or ANY_CLIENT)
    described = Client(
        ip,
        protocol=protocol.value,
        session=new_id(),
        hello=_hello(hello or _literal(ip)),
        tls=_TLS if encrypted else None,
        account=account,
    )
    path = None if sender in ("", "<>") else _address(sender)
    return Question(listen, described, path, _recipient(recipient), size, demand)


def _check_texts(**values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, str):
            raise CannotExplain(f"{name} must be a text, not {str(value)[:_LONGEST_SHOWN]}")


def _check_size(value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        shown = str(value)[:_LONGEST_SHOWN]
        raise CannotExplain(f"size must be a number of octets, at least 0, not {shown}")


def _demand(value: object) -> TLSDemand:
    try:
        return TLSDemand(value)  # type: ignore[arg-type]
    except ValueError as error:
        known = ", ".join(each for each in TLSDemand if each)
        shown = str(value)[:_LONGEST_SHOWN]
        raise CannotExplain(f"tls must be a word of {known}, not {shown}") from error


def _address(text: str) -> Address:
    try:
        return parse_address(text)
    except BadAddress as error:
        raise CannotExplain(str(error)) from error


def _recipient(text: str) -> Address:
    bare = text.lower() == "postmaster"  # RFC 5321 §4.1.1.3
    return Address(text, "") if bare else _address(text)


def _ip(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise CannotExplain(f"{text!r} is no IP address; write one such as 192.0.2.7") from error


def _literal(ip: str) -> str:
    """Return an address literal for EHLO (RFC 5321 §4.1.3)."""
    return f"[IPv6:{ip}]" if ":" in ip else f"[{ip}]"


def _hello(text: str) -> str:
    if not (text.isascii() and text.isprintable() and " " not in text) or len(text) > _HELLO_SIZE:
        raise CannotExplain(f"{text[:100]!r} is no name for EHLO; write one such as mx.example.com")
    return text

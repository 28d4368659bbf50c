"""Sends the test message as a user or as the host itself, into the host's own submission path."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IReactorTime

from mailhost.doctor.abuse.connecting import Connection, NotReached, OpenConnection
from mailhost.doctor.finding import Finding, failure, ok
from mailhost.doctor.replies.explain import explain
from mailhost.doctor.round_trip.faults import TEST_NOT_SENT
from mailhost.doctor.round_trip.identity import NotOurs, verify, withheld
from mailhost.doctor.round_trip.message import TestMessage
from mailhost.doctor.running_host import AskHost
from mailhost.message.content import Content
from mailhost.message.status import Status
from mailhost.net.tls.client import client_tls
from mailhost.smtp.client.connect import HandshakeFailed, start_tls
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient

_TAKEN = re.compile(r"Taken as ([0-9a-z]+)")


@dataclass(frozen=True, slots=True)
class Submitted:
    """The finding about the submission, and the identity of the message, empty where the host did
    not take it."""

    finding: Finding
    identity: str


async def submit_as_host(
    ask: AskHost, clock: IReactorTime, message: TestMessage, recipient: str
) -> Submitted:
    """Have the running host send the message in its own name. Raises NoHostRunning,
    CommandFailed."""
    began = clock.seconds()
    header, text = (each.replace("\n", "\r\n") for each in (message.header, message.text))
    answer = await ask("doctor.send", recipient=recipient, header=header, text=text)
    tried = f"sending as {answer['from']}"
    return _submitted(tried, answer["reply"], answer["identity"], clock.seconds() - began)


async def submit_as_user(
    open_connection: OpenConnection,
    clock: IReactorTime,
    message: TestMessage,
    user: str,
    password: str,
    to: str,
    own: Collection[bytes],
) -> Submitted:
    """Log in to a submission listener, and send the message as `user` to the address `to`. The
    password is sent only to a listener with one of the host's `own` certificates, in DER."""
    began = clock.seconds()
    tried = f"submission as {user}"
    try:
        connection = await open_connection()
        dialogue = connection.dialogue
        refused = await _log_in(connection, user, password, own)
        if refused is not None:
            await dialogue.quit()
            return _submitted(tried, str(refused), "", 0.0)
        for command in (f"MAIL FROM:<{user}>", f"RCPT TO:<{to}>"):
            reply = await dialogue.ask(command.encode())
            if not reply.ok:
                await dialogue.quit()
                return _submitted(tried, str(reply.status()), "", 0.0)
        status = (await dialogue.data(Content((message.octets,)))).status()
        await dialogue.quit()
    except NotOurs:
        connection.dialogue.abort()
        return Submitted(withheld(tried), "")
    except (NotReached, ConnectionBroken, HandshakeFailed) as error:
        return _submitted(tried, str(error), "", 0.0)
    found = _TAKEN.search(status.text)
    return _submitted(tried, str(status), found[1] if found else "", clock.seconds() - began)


async def _log_in(
    connection: Connection, user: str, password: str, own: Collection[bytes]
) -> Status | None:
    """Log in over TLS; return the reply that refuses it. Raises ConnectionBroken, HandshakeFailed;
    NotOurs before the password is sent."""
    wire, dialogue = connection.wire, connection.dialogue
    if not wire.secure:
        options = client_tls("localhost", verify=False)
        refused = await start_tls(wire, dialogue, lambda: options, required=True)
        if refused is not None:
            return refused
    verify(_certificate(wire), own)
    return await dialogue.log_in(user, password)


def _certificate(wire: SMTPClient) -> bytes | None:
    """Return the certificate of the server in DER."""
    transport: Any = wire.transport  # ISSLTransport, which is not typed in Twisted
    certificate: X509 | None = transport.getPeerCertificate()
    if certificate is None:
        return None
    return certificate.to_cryptography().public_bytes(Encoding.DER)


def _submitted(tried: str, reply: str, identity: str, took: float) -> Submitted:
    if reply.startswith("2") and identity:
        return Submitted(ok(tried, f"taken after {took:.2f} s: {reply}"), identity)
    advice = explain(reply).advice
    seen = f"the host said: {reply}. {advice.meaning}"
    return Submitted(failure(TEST_NOT_SENT, tried, seen, advice.remedy), "")

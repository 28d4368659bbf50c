"""A login by SASL over IMAP (RFC 9051 §6.2.2) or POP3 (RFC 5034): in both, a line that begins with
`+ ` has a challenge."""

from __future__ import annotations

import base64
import binascii

from mailhost.doctor.server.connecting import Broken
from mailhost.doctor.server.line_client import LineClient
from mailhost.doctor.server.record import Kind
from mailhost.net.sasl.client import BadChallenge, ClientExchange

MOST_CHALLENGES = 10


async def log_in_by(client: LineClient, command: str, exchange: ClientExchange) -> bytes:
    """Send `command`, answer the challenges, and return the line that ends the login. Untagged
    lines of IMAP are passed over. Raises Broken."""
    client.say(command)
    initial = exchange.initial()
    for _ in range(MOST_CHALLENGES):
        line = await client.line()
        while line.startswith(b"* "):
            line = await client.line()
        if line != b"+" and not line.startswith(b"+ "):
            return line
        challenge = _decoded(line[2:])
        if initial is not None and not challenge:
            response, initial = initial, None
        else:
            response = _response(exchange, challenge)
        client.say(base64.b64encode(response).decode())
    raise Broken(Kind.STRANGE, f"more than {MOST_CHALLENGES} challenges")


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text.strip(), validate=True)
    except binascii.Error as error:
        raise Broken(Kind.STRANGE, f"a challenge that is not base64: {error}") from error


def _response(exchange: ClientExchange, challenge: bytes) -> bytes:
    try:
        return exchange.respond(challenge)
    except BadChallenge as error:
        raise Broken(Kind.STRANGE, str(error)) from error

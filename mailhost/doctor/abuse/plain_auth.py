"""Checks that a server takes no password over a connection without TLS (RFC 4954 §4)."""

from __future__ import annotations

from collections.abc import Sequence

from mailhost.doctor.abuse.connecting import Connection, NotReached, OpenConnection
from mailhost.doctor.checks import Check
from mailhost.doctor.clients.check import TOPIC
from mailhost.doctor.finding import Finding, ok, warning
from mailhost.doctor.server.findings.encryption import PASSWORD_WITHOUT_TLS
from mailhost.smtp.client.protocol import ConnectionBroken

SECONDS = 40.0
_PLAIN = frozenset({"PLAIN", "LOGIN"})  # mechanisms that send the password itself


def plain_auth_check(open_connection: OpenConnection, where: str) -> Check:
    """Return the check of one port without implicit TLS, which the texts call `where`."""
    tried = f"login without TLS at {where}"

    async def run() -> Sequence[Finding]:
        try:
            seen = await _taken(await open_connection())
        except (NotReached, ConnectionBroken):
            return []  # the checks of connections report the reason
        if not seen:
            return [ok(tried, "no password is asked for before TLS")]
        remedy = (
            "Make the server offer AUTH only after STARTTLS (Postfix: smtpd_tls_auth_only = yes)."
        )
        return [warning(PASSWORD_WITHOUT_TLS, tried, seen, remedy)]

    return Check(TOPIC, f"{where} takes no password without TLS", SECONDS, run)


async def _taken(connection: Connection) -> str:
    """Return how the server takes a password without TLS, empty if it takes none. Raises
    ConnectionBroken."""
    dialogue = connection.dialogue
    offered = sorted(_PLAIN & {*dialogue.offers.get("AUTH", "").upper().split()})
    reply = await dialogue.ask(b"AUTH PLAIN")
    if reply.code == 334:
        await dialogue.ask(b"*")  # RFC 4954 §4: the client gives up
    await dialogue.quit()
    if reply.code == 334:
        return "the server asks for the password"
    return f"offered ({', '.join(offered)})" if offered else ""

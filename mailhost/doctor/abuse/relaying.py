"""Tries by MAIL and RCPT whether a server relays for strangers. No content is ever sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.doctor.abuse.connecting import Connection, NotReached, OpenConnection
from mailhost.doctor.abuse.tricks import Names, Trick, tricks, unknown_names
from mailhost.message.status import Status
from mailhost.smtp.client.protocol import ConnectionBroken

TRICKS_OF_ONE_CONNECTION = 7  # servers close the connection after ten or twenty errors


@dataclass(frozen=True, slots=True)
class RelayAttempt:
    """A trick and the last reply of the server: to RCPT, or to a MAIL that was refused."""

    trick: Trick
    reply: Status

    @property
    def accepted(self) -> bool:
        """True if the server would take content for this recipient."""
        return self.reply.ok

    def __str__(self) -> str:
        trick = self.trick
        return f"MAIL FROM:{trick.sender} and RCPT TO:{trick.recipient} was answered {self.reply}"


async def try_all(open_connection: OpenConnection, names: Names) -> list[RelayAttempt]:
    """Return the attempts with unknown names and with all tricks, as far as the server replied;
    none if it cannot be reached."""
    wanted = [*unknown_names(names), *tricks(names)]
    size = TRICKS_OF_ONE_CONNECTION
    parts = [wanted[start : start + size] for start in range(0, len(wanted), size)]
    tried = await side_by_side(_try_some(open_connection, part) for part in parts)
    return [attempt for some in tried for attempt in some]


async def _try_some(open_connection: OpenConnection, some: Sequence[Trick]) -> list[RelayAttempt]:
    """Try one after another.

    Some servers close the connection after a few errors; the other tricks are then tried over a new
    connection.
    """
    attempts: list[RelayAttempt] = []
    while len(attempts) < len(some):
        more = await _over_one_connection(open_connection, some[len(attempts) :])
        if not more:
            break
        attempts += more
    return attempts


async def _over_one_connection(
    open_connection: OpenConnection, some: Sequence[Trick]
) -> list[RelayAttempt]:
    """Return the attempts until the server closes the connection.

    If the server does so at the first trick, its last reply is the result of this trick.
    """
    attempts: list[RelayAttempt] = []
    try:
        connection = await open_connection()
        for trick in some:
            attempts.append(RelayAttempt(trick, await _try_one(connection, trick)))
        await connection.dialogue.quit()
    except NotReached:
        return []
    except ConnectionBroken as broken:
        if not attempts and broken.status is not None:
            attempts.append(RelayAttempt(some[0], broken.status))
    return attempts


async def _try_one(connection: Connection, trick: Trick) -> Status:
    dialogue = connection.dialogue
    reply = await dialogue.ask(f"MAIL FROM:{trick.sender}".encode())
    if reply.ok:
        reply = await dialogue.ask(f"RCPT TO:{trick.recipient}".encode())
        await dialogue.ask(b"RSET")
    return reply.status()

"""Checks that a server takes CRLF.CRLF alone for the end of a message (RFC 5321 §4.1.1.4).

A server that takes another sequence for the end can be made to receive two messages where another
server sent one: the second one is smuggled past that server's checks. The connection is closed
after the sequence, so a server without the fault never receives a whole message.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred, DeferredSemaphore

from mailhost.concurrency.side_by_side import side_by_side
from mailhost.doctor.abuse.connecting import Connection, NotReached, OpenConnection
from mailhost.doctor.checks import Check
from mailhost.doctor.clients.check import TOPIC
from mailhost.doctor.finding import Fault, Finding, failure, ok, unknown
from mailhost.message.ids import new_id
from mailhost.message.status import Status
from mailhost.smtp.client.protocol import ConnectionBroken

SMUGGLING = Fault(
    "smuggling",
    "Attackers can forge mail that passes SPF and DMARC of a domain whose server they may use.",
)
SMUGGLING_UNTRIED = Fault(
    "smuggling-untried", "A server that was not tried may accept smuggled messages."
)
SEQUENCES = {
    "LF.LF": b"\n.\n",
    "LF.CRLF": b"\n.\r\n",
    "LF.CR": b"\n.\r",
    "CR.CR": b"\r.\r",
    "CR.LF": b"\r.\n",
    "CR.CRLF": b"\r.\r\n",
    "CRLF.LF": b"\r\n.\n",
    "CRLF.CR": b"\r\n.\r",
    "CRLF NUL.CRLF": b"\r\n\0.\r\n",
}
PATIENCE = 3.0  # seconds for a reply to content that has not ended
OWN_PATIENCE = 1.0  # the same for this host, which replies sooner
AT_ONCE = 5  # connections to another host
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Tried:
    """One sequence. `reply` is what the server said to content that ended with it, None if it said
    nothing. `untried` is the reply that kept the content from being sent, None for none."""

    sequence: str
    reply: Status | None = None
    untried: Status | None = None

    @property
    def taken(self) -> bool:
        """True if the server took the sequence for the end of the message."""
        return self.reply is not None and self.reply.ok


def smuggling_check(
    open_connection: OpenConnection, where: str, sender: str, recipient: str, own: bool = False
) -> Check:
    """Return the check of one port, which the texts call `where`. `sender` and `recipient` are
    paths with their brackets; the recipient gets a test message for each sequence that the server
    takes. With `own` there is no finding if filters of this host refuse the envelope."""
    tried = f"ends of messages at {where}"

    async def run() -> Sequence[Finding]:
        lanes = DeferredSemaphore(len(SEQUENCES) if own else AT_ONCE)
        attempt = SequenceAttempt(
            open_connection, sender, recipient, OWN_PATIENCE if own else PATIENCE
        )

        def one(name: str) -> Deferred[Tried | None]:
            return lanes.run(lambda: Deferred.fromCoroutine(attempt.of(name)))

        results = [each for each in await side_by_side(map(one, SEQUENCES)) if each]
        if not results or (own and any(each.untried for each in results)):
            return []  # the checks of connections report the reason
        return [judge(results, tried)]

    return Check(TOPIC, f"{where} takes CRLF.CRLF alone for the end of a message", SECONDS, run)


@dataclass(frozen=True, slots=True)
class SequenceAttempt:
    """Sends messages that have a sequence and no end. `patience` is how many seconds a reply may
    take."""

    open_connection: OpenConnection
    sender: str
    recipient: str
    patience: float

    async def of(self, name: str) -> Tried | None:
        """Try the sequence `name`. Return None if the server cannot be reached."""
        try:
            connection = await self.open_connection()
        except NotReached:
            return None
        try:
            refused = await _begin(connection, self.sender, self.recipient)
            if refused is not None:
                await connection.dialogue.quit()
                return Tried(name, untried=refused)
            connection.wire.send(_content(name, self.recipient) + SEQUENCES[name])
            reply = await connection.wire.reply(self.patience)
        except ConnectionBroken as broken:
            return Tried(
                name, broken.status
            )  # no reply in time, or the connection was closed: not the end
        connection.dialogue.abort()
        return Tried(name, reply.status())


async def _begin(connection: Connection, sender: str, recipient: str) -> Status | None:
    """Send the envelope and DATA; return the reply that refuses it."""
    for command in (f"MAIL FROM:{sender}", f"RCPT TO:{recipient}", "DATA"):
        reply = await connection.dialogue.ask(command.encode())
        if not (reply.ok or reply.code == 354):
            return reply.status()
    return None


def _content(name: str, recipient: str) -> bytes:
    lines = (
        f"To: {recipient}",
        f"Subject: test of the end of a message, {name}",
        f"Message-ID: <{new_id()}@doctor.invalid>",
        "",
        "mailhost doctor sent this to test the mail server; you can delete it. The message shows",
        f"that the server takes {name} for the end of a message.",
    )
    return "\r\n".join(lines).encode()


def judge(results: Sequence[Tried], tried: str) -> Finding:
    """Return the finding about all sequences."""
    taken = [each for each in results if each.taken]
    if taken:
        seen = f"the server takes {', '.join(each.sequence for each in taken)} for the end"
        remedy = (
            "Update the server, and make it refuse bare CR and LF (Postfix: "
            "smtpd_forbid_bare_newline = yes; Exim: 4.97.1 or newer; Sendmail: O SrvFeatures=F)."
        )
        return failure(SMUGGLING, tried, seen, remedy)
    untried = next((each.untried for each in results if each.untried is not None), None)
    if untried is not None:
        remedy = "Name a recipient whose mail the server accepts, with --to."
        return unknown(SMUGGLING_UNTRIED, tried, f"the envelope was refused: {untried}", remedy)
    return ok(tried, f"none of {len(results)} other sequences is taken for the end of a message")

"""The client on a string transport: scripts of the replies and the commands."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, providedBy

from mailhost.message.content import Content
from mailhost.message.envelope import Envelope
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import ConnectionBroken, SMTPClient
from mailhost.smtp.client.sending import Sending
from mailhost.smtp.client.timeouts import Timeouts
from tests.fakes import envelope as envelope_to

T = TypeVar("T")
TEXT = b"Subject: hi\r\n\r\n.dot\r\n"
ON_WIRE = r"Subject: hi\r\n\r\n..dot\r\n.\r\n"


class Transport(StringTransport):
    """Counts handshakes; `aborted` is a close at once."""

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, providedBy(self), ITLSTransport)
        self.handshakes = 0
        self.aborted = False

    def startTLS(self, contextFactory: object) -> None:
        self.handshakes += 1

    def abortConnection(self) -> None:
        self.aborted = True


class ClientCase(SynchronousTestCase):
    """Makes a client; the test is its server."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.wire = Transport()
        self.client = SMTPClient(self.clock)
        self.client.makeConnection(self.wire)
        self.dialogue = Dialogue(self.client, "us.example", Timeouts())

    def run_script(self, work: Coroutine[Any, Any, T], script: str) -> Deferred[T]:
        """Start `work` and play the script; at each step nothing else may have been sent.

        S: the server says this line; C: the client must have sent this line; S| and C| are octets
        as in a Python literal. `= lost`, `= secure` (the handshake ends), `= wait SECONDS`.
        """
        done = Deferred.fromCoroutine(work)
        for line in filter(None, map(str.strip, script.splitlines())):
            kind, _, text = line.partition(" ")
            if kind in ("C:", "C|"):
                self.expect(f"{text}\r\n".encode() if kind == "C:" else octets(text))
            else:
                self.assertEqual(b"", self.wire.value(), f"sent before {line!r}")
                self.step(kind, text)
        self.assertEqual(b"", self.wire.value(), "sent after the script")
        return done

    def expect(self, wanted: bytes) -> None:
        """The client must have sent these octets next."""
        sent = self.wire.value()
        self.assertEqual(wanted, sent[: len(wanted)])
        self.wire.clear()
        self.wire.write(sent[len(wanted) :])

    def step(self, kind: str, text: str) -> None:
        """Let the server do something."""
        if kind == "S:":
            self.client.dataReceived(f"{text}\r\n".encode())
        elif kind == "S|":
            self.client.dataReceived(octets(text))
        elif text == "lost":
            self.client.connectionLost(Failure(ConnectionLost()))
        elif text == "secure":
            self.client.handshakeCompleted()
        else:
            self.clock.advance(float(text.removeprefix("wait ")))

    def open_up(self, *offers: str) -> None:
        """Play the greeting of a server with these extensions."""
        lines = ["there.example", *offers]
        reply = "".join(
            f"S: 250{'-' if number < len(lines) else ' '}{line}\n"
            for number, line in enumerate(lines, 1)
        )
        script = f"S: 220 there.example\nC: EHLO us.example\n{reply}"
        self.assertIsNone(self.successResultOf(self.run_script(self.dialogue.greet(), script)))


class SendCase(ClientCase):
    """Sends `text` to the recipients of `envelope`."""

    envelope: Envelope = envelope_to("a@x.example", "b@x.example")
    text = TEXT

    def send(self, script: str, broken: str | None = None) -> str:
        """Play the script; return the code for each recipient, `-` for none."""
        self.sending = Sending(self.envelope, Content((self.text,)), self.envelope.recipients)
        work = self.run_script(self.dialogue.send(self.sending), script)
        if broken is None:
            self.successResultOf(work)
        else:
            self.assertIn(broken, str(self.failureResultOf(work, ConnectionBroken).value))
        known = self.sending.statuses
        return " ".join(
            str(known[path].code) if path in known else "-" for path in self.sending.recipients
        )


def octets(text: str) -> bytes:
    """Return the octets of a Python literal without quotes."""
    return text.encode().decode("unicode_escape").encode("latin-1")

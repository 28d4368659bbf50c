"""A mail server in memory that answers each command at once."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from mailhost.doctor.abuse.connecting import TIMEOUTS, Connection, NotReached, greet
from mailhost.smtp.client.dialogue import Dialogue
from mailhost.smtp.client.protocol import SMTPClient
from tests.smtp.client_talk import Transport

Answer = Callable[[str], str]
"""The reply to a command; an empty one ends the connection."""


class FakeServer:
    """`answer` gives the replies to commands other than those of `usual`, `content` the reply to
    what came after DATA so far, empty for none. `commands` has all commands that came, `opened` the
    number of connections."""

    usual = {"EHLO": "250 there.example", "RSET": "250 reset", "QUIT": "221 bye"}

    def __init__(self, answer: Answer, content: Callable[[bytes], str] | None = None) -> None:
        self.clock = Clock()
        self.greeting = "220 there.example"
        self.answer = answer
        self.content = content
        self.commands: list[str] = []
        self.opened = 0

    async def open(self) -> Connection:
        """Return a connection. Raises NotReached while there is no greeting."""
        if not self.greeting:
            raise NotReached("connection refused")
        self.opened += 1
        wire = SMTPClient(self.clock)
        wire.makeConnection(_Connection(self, wire))
        wire.dataReceived(f"{self.greeting}\r\n".encode())
        connection = Connection(Dialogue(wire, "us.example", TIMEOUTS), wire)
        await greet(connection)
        return connection

    def reply(self, command: str) -> str:
        """Return the reply to a command."""
        self.commands.append(command)
        return self.usual.get(command.split()[0].upper()) or self.answer(command)

    def of(self, verb: str) -> list[str]:
        """The commands with this verb."""
        return [each for each in self.commands if each.startswith(verb)]


class _Connection(Transport):
    """Hands what the client writes to the server, and the replies back."""

    def __init__(self, server: FakeServer, wire: SMTPClient) -> None:
        super().__init__()
        self._server = server
        self._wire = wire
        self._in_data = False
        self._input = b""

    def write(self, data: bytes) -> None:
        self._input += data
        if self._in_data:
            assert self._server.content is not None
            reply = self._server.content(self._input)
            if reply:
                self._in_data, self._input = False, b""
                self._say(reply)
            return
        while b"\r\n" in self._input and not self._in_data:
            command, _, self._input = self._input.partition(b"\r\n")
            reply = self._server.reply(command.decode())
            self._in_data = reply.startswith("354")
            self._say(reply) if reply else self._hang_up()

    def writeSequence(self, data: list[bytes]) -> None:
        self.write(b"".join(data))

    def _say(self, reply: str) -> None:
        if reply:
            self._wire.dataReceived(f"{reply}\r\n".encode())

    def _hang_up(self) -> None:
        self._wire.connectionLost(Failure(ConnectionDone()))

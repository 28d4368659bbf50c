"""Servers in memory for the proxy, and a reactor whose TCP connections lead to them.

A server accepts SMTP commands in their order only: MAIL inside a transaction gets a 503, and so
does XCLIENT. The test decides about its replies, and when it is silent or closes the connection.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

OFFERS = ("PIPELINING", "SIZE 500000", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES")
LOST = "lost"
_OUT_OF_ORDER = "503 5.5.1 not now"
_QUESTIONS = {"PLAIN": [""], "LOGIN": ["Username:", "Password:"]}


@dataclass
class Server:
    """One server. `replies` are by the whole command or by its first word; `end` answers the end
    of data. A reply None says nothing, LOST ends the connection.

    `offers_after` and `replies_after` hold once such a command went well. With `stalls` content is
    not read; with `proxied` a PROXY line comes first. `logins` are the responses that let somebody
    in, those of an exchange joined by NUL. `said` is all that was heard but content,
    `mail` what was taken: reverse-path, forward-paths, content; `wrote` how many lines came each
    time.
    """

    offers: tuple[str, ...] = OFFERS
    offers_after: dict[str, tuple[str, ...]] = field(default_factory=dict)
    greeting: str | None = "220 there.example"
    replies: dict[str, str | None] = field(default_factory=dict)
    replies_after: dict[str, dict[str, str | None]] = field(default_factory=dict)
    end: str | None = "250 2.0.0 taken as 4711"
    tls: str = "good"  # or "bad", "silent"
    stalls: bool = False
    proxied: bool = False
    logins: tuple[bytes, ...] = (b"\0ann\0secret", b"ann\0secret")
    said: list[str] = field(default_factory=list)
    mail: list[tuple[str, ...]] = field(default_factory=list)
    wrote: list[int] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)

    @property
    def open(self) -> int:
        """The number of open connections."""
        return sum(not link.over for link in self.links)

    @property
    def last(self) -> Link:
        """The newest connection."""
        return self.links[-1]

    def take(self) -> list[str]:
        """Return the commands since the last call."""
        said, self.said[:] = list(self.said), []
        return said


class Net(Clock):
    """Connects to `servers` by `host:port`: None is silent, a missing one refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.servers: dict[str, Server | None] = {}
        self.tried: list[str] = []

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> None:
        """As IReactorTCP has it."""
        name = f"{host}:{port}"
        self.tried.append(name)
        factory.doStart()
        factory.startedConnecting(_Connector(host, port))
        if name not in self.servers:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
            return
        server = self.servers[name]
        if server is not None:
            server.links.append(Link(self, server, factory.buildProtocol(None)))

    def settle(self) -> None:
        """Deliver octets until neither side sends any more."""
        busy = True
        while busy:
            links = [link for server in self.servers.values() if server for link in server.links]
            busy = bool([link for link in links if link.step()])

    def turn(self, seconds: float = 0) -> None:
        """Let time pass, and deliver octets before and after that."""
        for step in (0.0, 0.0, seconds, 0.0, 0.0):
            self.settle()
            self.advance(step)
        self.settle()


@dataclass
class _Connector:
    """The IConnector by which an endpoint cancels its attempt."""

    host: str
    port: int

    def stopConnecting(self) -> None:
        """Do nothing: no attempt was begun."""

    def getDestination(self) -> IPv4Address:
        return IPv4Address("TCP", self.host, self.port)


class Link(StringTransport):
    """One connection to a server. `octets` are those that the server has not read yet."""

    def __init__(self, net: Net, server: Server, client: Any) -> None:
        super().__init__()
        directlyProvides(self, providedBy(self), ITLSTransport)
        self.over = False
        self._net, self._server, self._client = net, server, client
        self._offers = server.offers
        self._replies: dict[str, str | None] = {}  # that others do not get
        self.octets = b""
        self._content: list[bytes] | None = None
        self._chunk = 0
        self._sender: str | None = None
        self._paths: list[str] = []
        self._login: tuple[str, list[bytes]] | None = None
        self._greets = not server.proxied
        self._throttles = False
        client.makeConnection(self)

    # --- what a test has it do -------------------------------------------------------------------

    def say(self, reply: str) -> None:
        """Send a reply, also one to no command."""
        self._client.dataReceived(f"{reply}\r\n".encode())

    def lose(self, reason: Exception | None = None) -> None:
        """End the connection."""
        if not self.over:
            self.over = True
            self._client.connectionLost(Failure(reason or ConnectionLost()))

    # --- the transport ---------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        super().write(data)
        if self._stalled and not self._throttles and self.producer is not None:
            self._throttles = True
            self.producer.pauseProducing()

    def startTLS(self, options: object) -> None:
        """Let the handshake succeed or fail, as the server is set."""
        bad = ConnectionLost("no shared cipher")
        if self._server.tls == "good":
            self._net.callLater(0, self._client.handshakeCompleted)
        elif self._server.tls == "bad":
            self._net.callLater(0, self.lose, bad)

    def loseConnection(self) -> None:
        """The proxy closes; what it sent is read first."""
        self.step()
        self.lose(ConnectionDone())

    def abortConnection(self) -> None:
        """The proxy closes at once."""
        self.clear()
        self._net.callLater(0, self.lose)

    # --- the server ------------------------------------------------------------------------------

    @property
    def _stalled(self) -> bool:
        return self._server.stalls and self._content is not None

    def step(self) -> bool:
        """Read and answer. True where something happened."""
        if self._greets:
            self._greets = False
            self._answer(self._server.greeting)
            return True
        if self._stalled:
            return False
        data = self.value()
        self.clear()
        if data:
            self._server.wrote.append(data.count(b"\n"))
        self.octets += data
        while not self.over and self._read():
            pass
        return bool(data)

    def _read(self) -> bool:
        if self._chunk:
            return self._read_chunk()
        line, found, rest = self.octets.partition(b"\r\n")
        if not found or self._stalled:
            return False
        self.octets = rest
        if self._content is None:
            self._line(line.decode())
        elif line == b".":
            self._taken(b"".join(self._content))
        else:
            self._content.append(line.removeprefix(b".") + b"\r\n")
        return True

    def _read_chunk(self) -> bool:
        if len(self.octets) < self._chunk:
            return False
        content, self.octets = self.octets[: self._chunk], self.octets[self._chunk :]
        self._chunk = 0
        self._taken(content)
        return True

    def _taken(self, content: bytes) -> None:
        self._content = None
        reply = self._server.end
        if reply and reply.startswith("2"):
            self._server.mail.append((self._sender or "", *self._paths, content.decode("latin-1")))
            self._sender = None
        self._answer(reply)

    def _line(self, line: str) -> None:
        self._server.said.append(line)
        if self._login is not None:
            self._answer(self._login_line(line))
            return
        if line.startswith("PROXY "):
            self._greets = True
            return
        verb = line.split(" ")[0].split(":")[0].upper()
        replies = self._server.replies | self._replies
        reply = replies.get(line, replies.get(verb, ""))
        if reply == "":
            reply = self._usual(verb, line)
        elif verb == "AUTH" and reply is not None and reply.startswith("334"):
            self._login = ("PLAIN", [])
        if reply is not None and reply.startswith(("2", "3")):
            self._done(verb, line)
        self._answer(reply)
        if verb == "QUIT":
            self.lose(ConnectionDone())

    def _usual(self, verb: str, line: str) -> str | None:
        if verb == "EHLO":
            *lines, last = "there.example", *self._offers
            return "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}"
        if self._misplaced(verb):
            return _OUT_OF_ORDER
        if verb == "AUTH":
            return self._auth(*line.split(" ")[1:])
        if verb == "BDAT":
            self._chunk = int(line.split(" ")[1])
            return None
        usual = {"DATA": "354 go", "QUIT": "221 bye", "STARTTLS": "220 go", "XCLIENT": "220 so"}
        return usual.get(verb, "250 2.1.0 fine")

    def _misplaced(self, verb: str) -> bool:
        if verb in ("AUTH", "MAIL", "XCLIENT", "XFORWARD"):
            return self._sender is not None
        if verb in ("DATA", "BDAT"):
            return not self._paths
        return verb == "RCPT" and self._sender is None

    def _done(self, verb: str, line: str) -> None:
        """Apply the effects of a command."""
        if verb in ("EHLO", "HELO", "RSET", "MAIL"):
            self._sender, self._paths = None, []
        if verb == "MAIL":
            self._sender = _path(line)
        elif verb == "RCPT":
            self._paths.append(_path(line))
        elif verb == "DATA":
            self._content = []
        elif verb == "STARTTLS":
            self._offers = tuple(word for word in self._offers if word != "STARTTLS")
        self._offers = self._server.offers_after.get(verb, self._offers)
        self._replies = self._server.replies_after.get(verb, self._replies)

    def _auth(self, mechanism: str, initial: str = "") -> str:
        self._login = (mechanism.upper(), [])
        return self._login_line(initial) if initial else self._question()

    def _question(self) -> str:
        assert self._login is not None
        mechanism, answers = self._login
        questions = _QUESTIONS[mechanism]
        if len(answers) < len(questions):
            return "334 " + base64.b64encode(questions[len(answers)].encode()).decode()
        self._login = None
        right = b"\0".join(answers) in self._server.logins
        return "235 2.7.0 come in" if right else "535 5.7.8 go away"

    def _login_line(self, line: str) -> str:
        assert self._login is not None
        if line in ("*", "QUIT"):
            self._login = None
            return "501 5.7.0 as you like"
        self._login[1].append(base64.b64decode(line))
        return self._question()

    def _answer(self, reply: str | None) -> None:
        if reply == LOST:
            self.lose()
        elif reply is not None:
            self.say(reply)


def _path(line: str) -> str:
    return line.split("<")[1].split(">")[0]

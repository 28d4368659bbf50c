"""A reactor whose TCP leads to small mail hosts in memory: what they say is up to the test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from twisted.internet.error import ConnectionDone, ConnectionLost, ConnectionRefusedError
from twisted.internet.interfaces import ITLSTransport
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure
from zope.interface import directlyProvides, providedBy

from mailhost.net.tls.peer import (
    Chain,
    PeerCheck,
    PeerHandshake,
    PeerProblem,
    PeerRefused,
    SeenPeer,
)


@dataclass
class FarHost:
    """A host. `replies` by the first word of a command or the whole command; `end` answers the
    end of data. A reply None says nothing, "lost" ends the connection."""

    offers: tuple[str, ...] = ("PIPELINING",)
    greeting: str | None = "220 there.example"
    replies: dict[str, str | None] = field(default_factory=dict)
    end: str | None = "250 2.0.0 taken"
    tls: str = "good"  # or "bad"
    problems: tuple[PeerProblem, ...] = ()
    chain: Chain = ()
    said: list[str] = field(default_factory=list)
    mail: list[tuple[str, ...]] = field(default_factory=list)
    names: list[object] = field(default_factory=list)
    open: int = 0
    most: int = 0
    connections: int = 0


class FarHandshake(PeerHandshake):
    """A handshake that shows the chain of a FarHost; its problems are those of the host, or what
    the check's own judge finds."""

    def __init__(self, check: PeerCheck) -> None:
        self._check = check
        self._seen: SeenPeer | None = None

    @property
    def peer(self) -> SeenPeer | None:
        return self._seen

    def meet(self, host: FarHost) -> Exception | None:
        """Return why the handshake fails, None if it does not."""
        judge = self._check.judge
        found = host.problems if judge is None else judge(host.chain)
        self._seen = SeenPeer(host.chain, found)
        return PeerRefused(found) if found and self._check.enforced else None


class FarNet(Clock):
    """Connects to `hosts` by IP address: None is silent, a missing one refuses."""

    def __init__(self, **hosts: FarHost | None) -> None:
        super().__init__()
        self.hosts: dict[str, FarHost | None] = {}
        self.tried: list[str] = []
        self.bound: list[object] = []
        self._links: list[_Link] = []

    def connectTCP(
        self, host: str, port: int, factory: Any, timeout: float = 30, bindAddress: Any = None
    ) -> None:
        """As IReactorTCP has it."""
        self.tried.append(f"{host}:{port}")
        self.bound.append(bindAddress)
        factory.doStart()
        far = self.hosts.get(host, _REFUSES)
        if far is None:
            self.callLater(timeout, factory.clientConnectionFailed, None, Failure(_TIMED_OUT))
        elif far is _REFUSES:
            factory.clientConnectionFailed(None, Failure(ConnectionRefusedError()))
        else:
            self._links.append(_Link(self, far, factory.buildProtocol(None)))

    def settle(self) -> None:
        """Carry what is under way until nobody has more to say."""
        busy = True
        while busy:
            busy = bool([link for link in list(self._links) if link.step()])

    def drop(self, link: _Link) -> None:
        """Forget a connection that ended."""
        self._links.remove(link)


class _Link(StringTransport):
    """One connection, the far host's machine at its other end."""

    def __init__(self, net: FarNet, host: FarHost, client: Any) -> None:
        super().__init__()
        directlyProvides(self, providedBy(self), ITLSTransport)
        self._net, self._host, self._client = net, host, client
        self._buffer = b""
        self._content: list[bytes] | None = None
        self._paths: list[str] = []
        self._over = False
        host.connections += 1
        host.open += 1
        host.most = max(host.most, host.open)
        self._greeting: str | None = host.greeting
        client.makeConnection(self)

    def step(self) -> bool:
        """True where something happened."""
        if self._greeting is not None:
            greeting, self._greeting = self._greeting, None
            self._say(greeting)
            return True
        data = self.value()
        self.clear()
        self._buffer += data
        while not self._over and b"\r\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            self._line(line)
        return bool(data)

    def _line(self, line: bytes) -> None:
        if self._content is None:
            self._command(line.decode())
        elif line != b".":
            self._content.append(line)
        else:
            content, self._content = b"\r\n".join([*self._content, b""]), None
            reply = self._host.end
            if reply and reply.startswith("2"):
                self._host.mail.append((*self._paths, content.decode()))
            self._say(reply)

    def _command(self, command: str) -> None:
        self._host.said.append(command)
        verb = command.split(" ")[0].split(":")[0]
        replies = {verb: self._usual(verb), **self._host.replies}
        reply = replies.get(command, replies[verb])
        if verb == "MAIL":
            self._paths = []
        elif verb == "RCPT" and reply and reply.startswith("2"):
            self._paths.append(command.split("<")[1].split(">")[0])
        elif verb == "DATA" and reply and reply.startswith("354"):
            self._content = []
        self._say(reply)
        if verb == "QUIT" and not self._over:
            self._lose(ConnectionDone())

    def _usual(self, verb: str) -> str:
        if verb == "EHLO":
            *lines, last = "there.example", *self._host.offers
            return "".join(f"250-{line}\r\n" for line in lines) + f"250 {last}"
        return {"DATA": "354 go", "QUIT": "221 bye", "STARTTLS": "220 go"}.get(verb, "250 OK")

    def _say(self, reply: str | None) -> None:
        if reply == "lost":
            self._lose(ConnectionLost())
        elif reply is not None:
            self._client.dataReceived(f"{reply}\r\n".encode())

    def _lose(self, reason: Exception) -> None:
        if not self._over:
            self._over = True
            self._host.open -= 1
            self._net.callLater(0, self._net.drop, self)
            self._client.connectionLost(Failure(reason))

    def startTLS(self, options: object) -> None:
        """The handshake goes as the host has it."""
        self._host.names.append(options)
        reason: Exception | None = None
        if self._host.tls != "good":
            reason = ConnectionLost("no shared cipher")
        elif isinstance(options, FarHandshake):
            reason = options.meet(self._host)
        done = self._client.handshakeCompleted if reason is None else lambda: self._lose(reason)
        self._net.callLater(0, done)

    def loseConnection(self) -> None:
        """The client closes; what it sent is read first."""
        self.step()
        self._lose(ConnectionDone())

    def abortConnection(self) -> None:
        """The client closes at once."""
        self._net.callLater(0, self._lose, ConnectionLost())


_REFUSES = FarHost()
_TIMED_OUT = ConnectionRefusedError("timed out")

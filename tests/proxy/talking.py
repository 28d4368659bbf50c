"""Clients of a proxy in memory: sessions of mailhost connect them with the fake servers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import Identity, LoginSettings, RouteTLS
from mailhost.interfaces.reception import IQuarantine
from mailhost.logins.guard import LoginGuard
from mailhost.message.client import Client, TLSState
from mailhost.proxy.connect import Upstreams, UpstreamServer
from mailhost.proxy.context import ProxyContext
from mailhost.proxy.reception import ProxyReception
from mailhost.reception.filters.chain import Chain
from mailhost.reception.filters.reception import FilteredReception
from mailhost.smtp.server.options import SessionOptions
from mailhost.smtp.server.session import Session
from tests.fake_wire import FakeWire, drive
from tests.fakes import FakeQueue, RecordingEvents
from tests.proxy.fake_upstream import Net, Server
from tests.queue.fakes import here

LOGIN = LoginSettings(delay=0.0)
FIRST, SECOND = "tcp:192.0.2.1:25", "tcp:192.0.2.2:25"
TLS = TLSState("TLSv1.3", "TLS_AES_128_GCM_SHA256")
ENVELOPE = ("MAIL FROM:<sue@far.example>", "RCPT TO:<ann@here.example>")
MESSAGE = ("Subject: hello", "", "hello", ".")
LARGE = ("Subject: hello", "", *["x" * 900] * 200, ".")  # sent in more than one piece


class Caller:
    """One client: its wire, and the session that serves it. `chain` filters its mail, if given, and
    holds what it quarantines in `queue`."""

    def __init__(
        self,
        net: Net,
        context: ProxyContext,
        client: Client,
        chain: Chain | None,
        queue: IQuarantine,
    ) -> None:
        self._net = net
        self._busy: Deferred[None] | None = None
        self.wire = FakeWire()
        proxy = ProxyReception(context)
        options = SessionOptions("proxy.example", context.message_size, context.recipients)
        reception = FilteredReception(chain, client, proxy, queue) if chain else proxy
        self.session = Session(self.wire, client, reception, proxy, options, context.events)
        self.session.greet()
        self.greeting = self.wire.take()

    def say(self, *lines: str) -> list[str]:
        """Send lines in one block; return the replies that come before any time passes."""
        return self.give("".join(f"{line}\r\n" for line in lines).encode())

    def give(self, data: bytes) -> list[str]:
        """Send octets, and return the lines of the replies."""
        if self._busy is None or self._busy.called:
            self._busy = drive(self.session, data)
        else:
            self.session.receive(data)
        return self.wait()

    def wait(self, seconds: float = 0) -> list[str]:
        """Let time pass; return the replies."""
        self._net.turn(seconds)
        if self._busy is not None and self._busy.called:
            SynchronousTestCase().successResultOf(self._busy)
            self._busy = drive(self.session)
        return self.wire.take().decode().split("\r\n")[:-1]

    def hello(self, verb: str = "EHLO") -> list[str]:
        """Send EHLO; return the lines of the reply."""
        return [line[4:] for line in self.say(f"{verb} client.example")[1:]]

    def send(self, *envelope: str, message: Sequence[str] = MESSAGE) -> list[str]:
        """Send a message, one command a time; return the last line of each reply."""
        replies = [self.say(line)[-1] for line in (*(envelope or ENVELOPE), "DATA")]
        return replies + self.say(*message)

    def go(self) -> None:
        """Close the connection without QUIT."""
        self.session.lost("gone")
        self._net.turn()


class ProxyCase(SynchronousTestCase):
    """`first` and `second` are servers; `make` puts a proxy before the first one, or others."""

    def setUp(self) -> None:
        self.net = Net()
        self.first, self.second = Server(), Server()
        self.net.servers = {"192.0.2.1:25": self.first, "192.0.2.2:25": self.second}
        self.events = RecordingEvents()
        self.folder = os.path.abspath(self.mktemp())
        os.mkdir(self.folder)
        self.chain: Chain | None = None
        self.queue = FakeQueue()
        self.make()

    def make(
        self,
        *endpoints: str | UpstreamServer,
        tls: RouteTLS = RouteTLS.OPPORTUNISTIC,
        identity: Identity = Identity.NONE,
        **more: Any,
    ) -> None:
        """Make a proxy with these settings; `more` are fields of ProxyContext."""
        ways = [
            each if isinstance(each, UpstreamServer) else UpstreamServer(each, "there.example")
            for each in endpoints or (FIRST,)
        ]
        self.upstreams = Upstreams(cast(Any, self.net), ways, "proxy.example", tls, identity)
        self.guard = LoginGuard(self.net, LOGIN, self.events, lambda name: False)
        settings: dict[str, Any] = {
            "guard": self.guard,
            "message_size": 1_000_000,
            "recipients": 1000,
            "now": lambda: 0.0,
            "in_thread": here,
        } | more
        self.context = ProxyContext(
            "proxy.example", self.upstreams, self.folder, events=self.events, **settings
        )

    def connect(self, **more: Any) -> Caller:
        """Return a client that has not sent EHLO."""
        known: dict[str, Any] = {
            "ip": "192.0.2.77",
            "port": 4711,
            "protocol": "proxy",
            "session": "s1",
        } | more
        return Caller(self.net, self.context, Client(**known), self.chain, self.queue)

    def caller(self, **more: Any) -> Caller:
        """Return a client that has sent EHLO."""
        caller = self.connect(**more)
        self.assertIn("PIPELINING", caller.hello())
        return caller

"""What a listener does with its endpoint."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock

from mailhost.application.listeners import Listener
from mailhost.config.model import Listen
from mailhost.config.wire import Wire
from mailhost.net.pump import PumpFactory
from tests.net.test_tls import Folder, Offering, shake


class EndpointsWithTLS(Folder):
    def test_a_context_that_twisted_made_answers_alpn_too(self) -> None:
        chain, key = self.certificate("a.example")
        endpoint = f"ssl:0:privateKey={key}:certKey={chain}"
        reactor = cast(Any, MemoryReactorClock())
        listen = Listen(protocol=Wire.SMTP, endpoint=endpoint)
        Listener(reactor, listen, cast(PumpFactory, Factory())).open()
        [(_, _, context, _, _)] = reactor.sslServers
        here = shake(context, Offering("a.example", b"imap"))[1]
        self.assertIsNotNone(here.state)

"""Connecting one protocol, and the reasons why there is no connection."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError
from twisted.internet.protocol import Protocol
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.connect import ConnectFailed, connect


class ConnectTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.protocol = Protocol()
        endpoint = TCP4ClientEndpoint(self.reactor, "192.0.2.1", 25, timeout=100)
        work = connect(endpoint, self.protocol, self.reactor, 30.0)
        self.work: Deferred[None] = Deferred.fromCoroutine(work)
        [(_, _, self.factory, _, _)] = self.reactor.tcpClients

    def test_a_connection(self) -> None:
        made = cast(Protocol, self.factory.buildProtocol(None))
        made.makeConnection(StringTransport())
        self.successResultOf(self.work)
        self.assertIsNotNone(self.protocol.transport)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_no_server(self) -> None:
        self.factory.clientConnectionFailed(cast(Any, None), Failure(ConnectionRefusedError()))
        self.failureResultOf(self.work, ConnectFailed)
        self.assertEqual([], self.reactor.getDelayedCalls())

    def test_too_late(self) -> None:
        self.reactor.advance(29)
        self.assertNoResult(self.work)
        self.reactor.advance(1)
        failure = self.failureResultOf(self.work, ConnectFailed)
        self.assertEqual("timed out after 30 s", str(failure.value))

    def test_a_caller_that_is_cancelled_is_not_told_of_a_timeout(self) -> None:
        self.work.cancel()
        self.failureResultOf(self.work, CancelledError)
        self.assertEqual([], self.reactor.getDelayedCalls())

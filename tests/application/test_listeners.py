"""What a listener does with its endpoint."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from typing import Any, cast

from twisted.internet import reactor as installed_reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import TestCase

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


class UnixSockets(TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="mailhost-")  # sockets cannot have long paths
        self.addCleanup(shutil.rmtree, self.folder)
        self.path = os.path.join(self.folder, "lmtp.sock")

    def mode(self, more: str = "") -> int:
        """The mode of a socket that was opened."""
        listen = Listen(protocol=Wire.LMTP, endpoint=f"unix:{self.path}{more}")
        listener = Listener(installed_reactor, listen, cast(PumpFactory, Factory()))
        listener.open()
        self.addCleanup(lambda: Deferred.fromCoroutine(listener.close()))
        found = os.stat(self.path)
        self.assertTrue(stat.S_ISSOCK(found.st_mode))
        return stat.S_IMODE(found.st_mode)

    def test_others_on_the_machine_cannot_connect(self) -> None:
        self.assertEqual(self.mode(), 0o660)

    def test_unless_the_settings_say_so(self) -> None:
        self.assertEqual(self.mode(":mode=666"), 0o666)

    def test_nor_where_the_lock_is_left_out(self) -> None:
        self.assertEqual(self.mode(":lockfile=0"), 0o660)

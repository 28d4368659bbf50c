"""The address at which this machine reaches its own host."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from mailhost.cli.context import Fail
from mailhost.cli.own_listeners import listener_address
from mailhost.config.model import Listen
from mailhost.config.protocol import ListenProtocol


class OwnListenersTests(SynchronousTestCase):
    """Which listener is taken, and how it is reached from here."""

    def address(self, *endpoints: str) -> str:
        listeners = [
            Listen(protocol=ListenProtocol.SUBMISSION, endpoint=text) for text in endpoints
        ]
        return str(
            listener_address(listeners, (ListenProtocol.SUBMISSIONS, ListenProtocol.SUBMISSION))
        )

    def test_addresses(self) -> None:
        self.assertEqual(self.address("tcp:587"), "127.0.0.1:587")
        self.assertEqual(self.address("tcp6:587:interface=\\:\\:"), "[::1]:587")
        self.assertEqual(self.address("tcp:5:interface=192.0.2.1"), "192.0.2.1:5")
        self.assertEqual(self.address("haproxy:tcp:1", "unix:/a", "tcp:2"), "127.0.0.1:2")
        self.assertEqual(self.address("systemd:domain=INET6:index=1"), "127.0.0.1:587")

    def test_no_listener(self) -> None:
        self.assertRaises(Fail, self.address)
        self.assertRaises(Fail, self.address, "unix:/a")

"""Which addresses are our own."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.model import DEFAULT_LISTEN, Listen
from mailhost.config.protocol import ListenProtocol
from mailhost.relay.own_addresses import OwnAddresses, where_we_take_mail


class Machine(SynchronousTestCase):
    """A machine with the addresses `own`; binding to others fails."""

    own: tuple[str, ...] = ("192.0.2.77", "2001:db8::77", "127.0.0.1")

    def setUp(self) -> None:
        case = self

        class Probe:
            def __init__(self, *kind: object) -> None:
                """Open."""

            def __enter__(self) -> Probe:
                return self

            def __exit__(self, *what: object) -> None:
                """Close."""

            def bind(self, where: tuple[str, int]) -> None:
                if where[0] not in case.own:
                    raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))

        fake: Any = Probe
        self.patch(socket, "socket", fake)

    def at(self, ip: str, port: int = 25, *listening: tuple[str, int]) -> bool:
        """True where the address is ours."""
        return OwnAddresses("us.example", listening or [("::", 25)]).at(ip, port)

    def test_one_address(self) -> None:
        here = ("198.51.100.7", 25)
        self.assertTrue(self.at("198.51.100.7", 25, here))
        self.assertFalse(self.at("198.51.100.7", 26, here))
        self.assertFalse(self.at("192.0.2.77", 25, here))

    def test_all_addresses(self) -> None:
        for ip in ("192.0.2.77", "::ffff:192.0.2.77", "2001:db8::77"):
            self.assertTrue(self.at(ip), ip)
        for ip in ("192.0.2.78", "2001:db8::78"):
            self.assertFalse(self.at(ip), ip)
        self.assertTrue(self.at("192.0.2.77", 25, ("0.0.0.0", 25)))
        self.assertFalse(self.at("2001:db8::77", 25, ("0.0.0.0", 25)))
        self.assertFalse(self.at("192.0.2.77", 2525))

    def test_a_kernel_that_binds_to_any_address_says_nothing(self) -> None:
        self.own = ("192.0.2.1", "192.0.2.77")
        self.assertFalse(self.at("192.0.2.77"))

    def test_without_listeners_no_address_is_ours(self) -> None:
        self.assertFalse(OwnAddresses("us.example").at("192.0.2.77", 25))


class RealMachine(SynchronousTestCase):
    def test_the_kernel_knows(self) -> None:
        own_addresses = OwnAddresses("us.example", [("0.0.0.0", 25)])
        self.assertTrue(own_addresses.at("127.0.0.1", 25))
        self.assertFalse(own_addresses.at("198.51.100.7", 25))


class Listeners(SynchronousTestCase):
    def test_those_that_take_mail_from_others(self) -> None:
        self.assertEqual([("::", 25)], where_we_take_mail(DEFAULT_LISTEN))
        listens = [
            Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:2525:interface=127.0.0.1"),
            Listen(protocol=ListenProtocol.SMTP, endpoint="haproxy:tcp:26"),
            Listen(protocol=ListenProtocol.SMTP, endpoint="tcp:27:interface=mail.us.example"),
            Listen(protocol=ListenProtocol.SMTP, endpoint="unix:/run/smtp"),
            Listen(protocol=ListenProtocol.SMTP, endpoint="systemd:domain=INET:index=0"),
            Listen(protocol=ListenProtocol.LMTP, endpoint="tcp:24"),
            Listen(protocol=ListenProtocol.PROXY, endpoint="tcp:25", upstream=("tcp:10.0.0.5:25",)),
        ]
        self.assertEqual([("127.0.0.1", 2525), ("0.0.0.0", 26)], where_we_take_mail(listens))

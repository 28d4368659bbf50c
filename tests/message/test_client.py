"""Clients: local ones, trusted ones, and the strength of TLS."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.client import Client, TLSState
from tests.fakes import address


class ClientTests(SynchronousTestCase):
    def test_the_local_machine(self) -> None:
        for ip, wanted in {
            "": True,
            "127.0.0.2": True,
            "::1": True,
            "192.0.2.1": False,
            "10.0.0.1": False,
            "fe80::1%eth0": False,
        }.items():
            self.assertEqual(Client(ip).local_machine, wanted, ip)

    def test_printed(self) -> None:
        self.assertEqual(str(Client("192.0.2.1", 25)), "[192.0.2.1]:25")
        self.assertEqual(str(Client("")), "a local socket")

    def test_trusted_by_login_or_network(self) -> None:
        networks = [ip_network("192.0.2.0/24"), ip_network("fe80::/10")]
        for ip, trusted in {
            "192.0.2.7": True,
            "192.0.3.7": False,
            "fe80::1%eth0": True,
            "2001:db8::1": False,
            "": False,
        }.items():
            client = Client(ip)
            self.assertEqual(client.trusted(networks), trusted, ip)
            logged_in = replace(client, account=address("ann@a.example"))
            self.assertTrue(logged_in.trusted([]), ip)

    def test_why_a_client_is_trusted(self) -> None:
        networks = [ip_network("192.0.2.0/24"), ip_network("192.0.2.0/28")]
        client = Client("192.0.2.7")
        self.assertEqual(networks[0], client.trusted_for(networks))
        self.assertIsNone(client.trusted_for([]))
        ann = address("ann@a.example")
        self.assertEqual(ann, replace(client, account=ann).trusted_for(networks))


class TLSStateTests(SynchronousTestCase):
    def test_strong(self) -> None:
        for version, cipher, strong in (
            ("TLSv1.3", "TLS_AES_128_GCM_SHA256", True),
            ("TLSv1.2", "ECDHE-RSA-AES128-GCM-SHA256", True),
            ("TLSv1.2", "ECDHE-RSA-CHACHA20-POLY1305", True),
            ("TLSv1.2", "ECDHE-RSA-AES128-SHA256", False),
            ("TLSv1.2", "AES128-GCM-SHA256", False),
            ("TLSv1.1", "ECDHE-RSA-AES128-SHA", False),
        ):
            self.assertEqual(TLSState(version, cipher).strong, strong, cipher)

"""Clients at an address for which nothing is relayed until a person has looked."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from mailhost.reception.rules import Rules
from tests.reception.context import ANN, UNKNOWN_CLIENT, ReceptionCase


class StoppedTests(ReceptionCase):
    rules = Rules("mx.a.example", networks=(ip_network("192.0.2.0/24"),))

    def setUp(self) -> None:
        super().setUp()
        self.stopped.replace(frozenset({UNKNOWN_CLIENT.ip}))

    def test_relaying_is_deferred_with_words(self) -> None:
        status = self.rcpt("x@far.example")
        self.assertEqual((status.code, status.enhanced), (451, "4.7.1"))
        self.assertIn("log in to send", status.text)
        self.assertIn("mailhost doctor looked 192.0.2.7", status.cause)

    def test_mail_for_this_host_and_other_clients_are_not_affected(self) -> None:
        self.assertTrue(self.rcpt("bob@a.example").ok)
        self.assertTrue(self.rcpt("x@far.example", replace(UNKNOWN_CLIENT, ip="192.0.2.8")).ok)
        self.assertEqual(
            self.rcpt("x@far.example", replace(UNKNOWN_CLIENT, ip="10.0.0.1")).code, 550
        )

    def test_clients_that_have_logged_in_are_not_affected(self) -> None:
        self.assertTrue(self.rcpt("x@far.example", ANN, "ann@a.example").ok)

    def test_relaying_again(self) -> None:
        self.stopped.replace(frozenset())
        self.assertTrue(self.rcpt("x@far.example").ok)

"""The clients that may relay."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

from mailhost.message.status import Status
from mailhost.reception.rules import Rules
from tests.reception.context import ANN, UNKNOWN_CLIENT, ReceptionCase


class RelayTests(ReceptionCase):
    def check(self, status: Status, code: int, enhanced: str) -> None:
        self.assertEqual((status.code, status.enhanced), (code, enhanced), status)

    def test_foreign_recipients_are_refused(self) -> None:
        for ip in ("192.0.2.7", "127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fd00::1", ""):
            client = replace(UNKNOWN_CLIENT, ip=ip)
            for to in ("x@far.example", "x@[127.0.0.1]", "x@sub.a.example"):
                self.check(self.rcpt(to, client), 550, "5.7.1")

    def test_a_sender_of_this_host_without_a_login_may_not_relay(self) -> None:
        self.check(self.rcpt("x@far.example", UNKNOWN_CLIENT, "ann@a.example"), 550, "5.7.1")

    def test_clients_with_a_login_may_relay(self) -> None:
        self.check(self.rcpt("x@far.example", ANN, "ann@a.example"), 250, "2.1.5")

    def test_listed_networks_may_relay(self) -> None:
        networks = tuple(map(ip_network, ("192.0.2.0/28", "2001:db8::/64", "fe80::/10")))
        self.reception = self.reception_with(Rules("mx.a.example", networks=networks))
        for ip, code in {
            "192.0.2.15": 250,
            "192.0.2.16": 550,
            "2001:db8::9": 250,
            "2001:db8:1::9": 550,
            "fe80::1%eth0": 250,
            "127.0.0.1": 550,
            "": 550,
        }.items():
            self.assertEqual(
                self.rcpt("x@far.example", replace(UNKNOWN_CLIENT, ip=ip)).code, code, ip
            )

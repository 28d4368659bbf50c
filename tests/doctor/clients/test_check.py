"""The doctor asks the running host for lost addresses, and the mail about one."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import fail, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.clients.check import CLIENT_ADDRESSES_LOST, lost_addresses_check
from mailhost.doctor.clients.gateways import gateways_in, ipv6_gateways_in
from mailhost.doctor.clients.lost_address import Consequence, LostAddress, as_value
from mailhost.doctor.clients.mail import AdminMail, compose, mail_admin
from mailhost.doctor.finding import Verdict
from mailhost.interfaces.events import Reported
from mailhost.net.control.client import NoHostRunning
from tests.doctor.running import findings_of
from tests.fakes import FakeHandover, RecordingEvents, address, now, outgoing_of

LOST = LostAddress("172.17.0.1", 1_700_000_000, ("far.net", "near.org"), ("far.net",), alone=True)
LISTED = Consequence(listed=True, stopped=False)


class Host:
    """Answers `clients.lost`."""

    def __init__(self, *lost: dict[str, Any], public: bool = False) -> None:
        self._answer = {"addresses": list(lost), "public": public}

    def __call__(self, command: str, /, **arguments: Any) -> Awaitable[Any]:
        assert (command, arguments) == ("clients.lost", {})
        return succeed(self._answer)


class CheckTests(SynchronousTestCase):
    def test_nothing_is_lost(self) -> None:
        (finding,) = findings_of(lost_addresses_check(Host(public=True)))
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertIn("clients with a public address: some", finding.seen)

    def test_an_open_relay(self) -> None:
        (finding,) = findings_of(lost_addresses_check(Host(as_value(LOST, LISTED))))
        self.assertEqual((finding.verdict, finding.fault), (Verdict.FAILURE, CLIENT_ADDRESSES_LOST))
        self.assertIn("clients at 172.17.0.1", finding.seen)
        self.assertIn("it is an open relay", finding.seen)
        self.assertIn("Remove 172.17.0.1 from relay.networks", finding.remedy)
        self.assertEqual(finding.copy, ("mailhost doctor looked 172.17.0.1",))

    def test_an_address_that_may_not_relay(self) -> None:
        value = as_value(LOST, Consequence(listed=False, stopped=False))
        (finding,) = findings_of(lost_addresses_check(Host(value)))
        self.assertEqual(finding.verdict, Verdict.WARNING)
        self.assertNotIn("Remove", finding.remedy)

    def test_no_host_runs(self) -> None:
        def ask(command: str, /, **arguments: Any) -> Awaitable[Any]:
            return fail(NoHostRunning("no host"))

        self.assertEqual(findings_of(lost_addresses_check(ask)), [])


class MailTests(SynchronousTestCase):
    def test_the_message(self) -> None:
        message = compose(LOST, LISTED, address("ann@example.com"), "mx.example.org")
        text = message.content.read().decode("ascii")
        self.assertTrue(all(len(line) <= 78 for line in text.split("\r\n")), text)
        self.assertIn("Subject: mx.example.org: strangers connect from 172.17.0.1\r\n", text)
        self.assertIn("\r\nAuto-Submitted: auto-generated\r\n", text)
        self.assertIn("\r\nmailhost doctor looked 172.17.0.1\r\n", text)
        self.assertIsNone(message.envelope.reverse_path)

    def test_it_is_handed_over(self) -> None:
        handover, events = FakeHandover(), RecordingEvents()
        outgoing = outgoing_of("mx.example.org", lambda: 1_700_000_000.0)
        services = AdminMail(address("ann@example.com"), "mx.example.org", outgoing, handover)
        self.assertTrue(now(mail_admin(LOST, LISTED, services, events)))
        (event,) = events.of(Reported)
        self.assertEqual(str(event.to), "ann@example.com")

    def test_without_an_administrator(self) -> None:
        outgoing = outgoing_of("mx.example.org", lambda: 1_700_000_000.0)
        services = AdminMail(None, "mx.example.org", outgoing, FakeHandover())
        self.assertTrue(now(mail_admin(LOST, LISTED, services, RecordingEvents())))


class GatewayTests(SynchronousTestCase):
    def test_ipv4(self) -> None:
        lines = (
            "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT",
            "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0",
            "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0",
        )
        self.assertEqual(list(gateways_in(lines)), ["172.17.0.1"])

    def test_ipv6(self) -> None:
        zero = "0" * 32
        lines = (
            f"{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 1 0 00000003 eth0",
            f"{zero} 00 {zero} 00 {zero} ffffffff 1 0 00200200 lo",
        )
        self.assertEqual(list(ipv6_gateways_in(lines)), ["fe80::1"])

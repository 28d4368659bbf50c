"""Checks of the host's own rules: asked of the running host, of its networks, and of AUTH."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import Loaded
from mailhost.config.model import Identity, LoginSettings, Relay, Settings
from mailhost.config.secrets import Secrets
from mailhost.doctor.abuse import target as target_module
from mailhost.doctor.abuse.networks import (
    RELAY_NETWORKS_GATEWAY,
    RELAY_NETWORKS_WIDE,
    networks_check,
)
from mailhost.doctor.abuse.open_relay import OPEN_RELAY
from mailhost.doctor.abuse.plain_auth import plain_auth_check
from mailhost.doctor.abuse.running_rules import OUTSIDE, running_rules_check
from mailhost.doctor.abuse.target import AbuseTarget, abuse_check, abuse_target
from mailhost.doctor.abuse.this_host import abuse_checks, own_place
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.server.findings.encryption import PASSWORD_WITHOUT_TLS
from mailhost.doctor.target import parse_target
from mailhost.net.control.client import NoHostRunning
from tests.doctor.abuse.fake_server import FakeServer
from tests.doctor.running import at_once, findings_of
from tests.lookups import RecordsLookUp

SETTINGS = Settings.model_validate(
    {
        "version": 1,
        "hostname": "mx.example.org",
        "data": "data",
        "listen": [
            {"protocol": "smtp", "endpoint": "tcp:2525"},
            {"protocol": "submission", "endpoint": "tcp6:2587:interface=\\:\\:"},
            {"protocol": "imap", "endpoint": "tcp:2143"},
            {"protocol": "proxy", "endpoint": "haproxy:tcp:2526", "upstream": ["tcp:127.0.0.1:9"]},
            {"protocol": "lmtp", "endpoint": "unix:lmtp.sock"},
        ],
        "relay": {"networks": ["10.0.0.0/8"]},
    }
)


class RunningHost:
    """Answers `explain` with `reply` to the last command."""

    def __init__(self, reply: str, command: str = "RCPT TO:<doctor@example.org>") -> None:
        self.asked: list[dict[str, Any]] = []
        self._session = [{"command": "", "reply": "220 hi"}, {"command": command, "reply": reply}]

    def __call__(self, command: str, /, **arguments: Any) -> Awaitable[Any]:
        assert command == "explain"
        self.asked.append(arguments)
        answer = {
            "session": self._session,
            "listener": {
                "protocol": "smtp",
                "endpoint": arguments["listener"],
                "address": "0.0.0.0:2525",
            },
            "client": {"ip": arguments["client"]},
            "relay": {"allowed": True, "reason": "0.0.0.0/1 in relay.networks"},
        }
        return succeed(answer)


class RunningRulesTests(SynchronousTestCase):
    def test_every_listener_refuses(self) -> None:
        host = RunningHost("550 5.7.1 Not a domain of ours")
        (finding,) = findings_of(running_rules_check(host, SETTINGS))
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertIn("550 5.7.1", finding.seen)
        listeners = {each["listener"] for each in host.asked}
        self.assertEqual(len(listeners), 3)  # those that take mail themselves
        self.assertEqual({each["client"] for each in host.asked}, set(OUTSIDE))

    def test_a_login_is_asked_for(self) -> None:
        host = RunningHost("530 5.7.0 Log in first", "MAIL FROM:<doctor@example.net>")
        (finding,) = findings_of(running_rules_check(host, SETTINGS))
        self.assertEqual(finding.verdict, Verdict.OK)

    def test_a_stranger_may_relay(self) -> None:
        (finding,) = findings_of(running_rules_check(RunningHost("250 2.1.5 OK"), SETTINGS))
        self.assertEqual((finding.verdict, finding.fault), (Verdict.FAILURE, OPEN_RELAY))
        self.assertIn("smtp at 0.0.0.0:2525 accepts", finding.seen)
        self.assertIn("0.0.0.0/1 in relay.networks", finding.seen)

    def test_addresses_that_are_listed_are_not_strangers(self) -> None:
        host = RunningHost("550 5.7.1 no")
        listed = SETTINGS.relay.model_copy(
            update={"networks": tuple(map(ip_network, ("198.51.100.0/24", "0.0.0.0/1")))}
        )
        findings_of(running_rules_check(host, SETTINGS.model_copy(update={"relay": listed})))
        self.assertEqual({each["client"] for each in host.asked}, set(OUTSIDE[1:]))

    def test_no_host_runs(self) -> None:
        def ask(command: str, /, **arguments: Any) -> Awaitable[Any]:
            return fail(NoHostRunning("no host"))

        self.assertEqual(findings_of(running_rules_check(ask, SETTINGS)), [])


class NetworksTests(SynchronousTestCase):
    def findings(
        self, *networks: str, gateway: str = "172.17.0.1", contained: bool = False
    ) -> Sequence[Finding]:
        listed = tuple(map(ip_network, networks))
        return findings_of(networks_check(listed, at_once, lambda: {gateway}, lambda: contained))

    def test_usual_networks(self) -> None:
        for networks in ((), ("10.0.0.0/8",), ("8.8.0.0/16", "2001:4860::/32", "127.0.0.0/8")):
            (finding,) = self.findings(*networks)
            self.assertEqual(finding.verdict, Verdict.OK, networks)

    def test_a_network_of_strangers(self) -> None:
        for network in ("0.0.0.0/1", "8.0.0.0/8", "2400::/12", "8.8.0.0/15"):
            (finding,) = self.findings("192.168.0.0/16", network)
            self.assertEqual(finding.fault, RELAY_NETWORKS_WIDE, network)
            self.assertIn(network, finding.seen)

    def test_the_gateway_of_a_container(self) -> None:
        (finding,) = self.findings("172.16.0.0/12", contained=True)
        self.assertEqual(finding.fault, RELAY_NETWORKS_GATEWAY)
        self.assertIn("172.16.0.0/12 contains 172.17.0.1", finding.seen)

    def test_a_gateway_that_is_not_listed(self) -> None:
        (finding,) = self.findings("172.18.0.0/16", contained=True)
        self.assertEqual(finding.verdict, Verdict.OK)

    def test_the_router_of_an_office(self) -> None:
        (finding,) = self.findings("192.168.1.0/24", gateway="192.168.1.1")
        self.assertEqual(finding.verdict, Verdict.OK)


class PlainAuthTests(SynchronousTestCase):
    def finding(self, auth: str, offers: str = "") -> Finding:
        server = FakeServer(lambda command: auth if command == "AUTH PLAIN" else "501 given up")
        server.usual = {**server.usual, "EHLO": f"250-there.example\r\n250 {offers or 'HELP'}"}
        (finding,) = findings_of(plain_auth_check(server.open, "there"))
        return finding

    def test_a_server_that_wants_tls_first(self) -> None:
        self.assertEqual(self.finding("538 5.7.11 encrypt first").verdict, Verdict.OK)
        self.assertEqual(self.finding("502 what?", "AUTH SCRAM-SHA-256").verdict, Verdict.OK)

    def test_a_server_that_asks_for_the_password(self) -> None:
        finding = self.finding("334 ")
        self.assertEqual((finding.verdict, finding.fault), (Verdict.WARNING, PASSWORD_WITHOUT_TLS))

    def test_a_server_that_offers_it(self) -> None:
        finding = self.finding("538 5.7.11 encrypt first", "AUTH PLAIN login")
        self.assertIn("offered (LOGIN, PLAIN)", finding.seen)

    def test_a_server_that_cannot_be_reached(self) -> None:
        server = FakeServer(lambda command: "")
        self.assertEqual(findings_of(plain_auth_check(server.open, "there")), [])


class PlaceTests(SynchronousTestCase):
    def test_own_listeners(self) -> None:
        smtp, submission, _, proxy, lmtp = (own_place(each) for each in SETTINGS.listen)
        self.assertEqual(str(smtp), "127.0.0.1:2525")
        self.assertEqual(str(submission), "127.0.0.1:2587")
        self.assertIsNone(lmtp)
        assert proxy is not None
        self.assertTrue(proxy.preamble.startswith(b"PROXY TCP4 198.51.100.77 "))

    def test_targets(self) -> None:
        for text, wanted in {
            "example.net": AbuseTarget("example.net"),
            "ann@example.net": AbuseTarget("example.net"),
            "mx.example.net:2525": AbuseTarget("mx.example.net", "mx.example.net", 2525),
            "192.0.2.7": AbuseTarget("192.0.2.7", "192.0.2.7"),
            "2001:db8::25": AbuseTarget("2001:db8::25", "2001:db8::25"),
            "[2001:db8::25]:26": AbuseTarget("2001:db8::25", "2001:db8::25", 26),
            "ann@[192.0.2.7]": AbuseTarget("[192.0.2.7]", "192.0.2.7"),
        }.items():
            self.assertEqual(abuse_target(parse_target(text)), wanted, text)


class TimeTests(SynchronousTestCase):
    def test_each_part_has_its_own_time_limit(self) -> None:
        self.patch(target_module, "opener", lambda *_: Deferred)  # no connection is ever made
        clock = Clock()
        context: Any = SimpleNamespace(reactor=clock, resolver=None, loaded=None, port_offset=0)
        check = abuse_check(context, parse_target("192.0.2.7"), "ann@example.net")

        async def run() -> Sequence[Finding]:
            return await check.run()

        running = Deferred.fromCoroutine(run())
        clock.advance(45)
        self.assertNoResult(running)
        clock.advance(15)
        found = self.successResultOf(running)
        self.assertEqual(["doctor/check-timed-out"] * 2, [each.name for each in found])
        self.assertIn("45 s", found[0].seen)
        self.assertIn("60 s", found[1].seen)


class HostCheckTests(SynchronousTestCase):
    """Which checks are made of this host."""

    def titles(self, **changes: Any) -> list[str]:
        settings = SETTINGS.model_copy(update=changes)
        loaded = Loaded(settings, Secrets({}), "mailhost.toml")
        context = DoctorContext(Any, at_once, RecordsLookUp({}), loaded)  # type: ignore[arg-type]
        checks = abuse_checks(context, loaded, RunningHost("550 5.7.1 no"), over_the_wire=True)
        return [each.title for each in checks]

    def test_every_listener_is_tried_as_a_stranger(self) -> None:
        titles = self.titles()
        for each in (
            "smtp at 127.0.0.1:2525 does not relay for strangers",
            "proxy at 127.0.0.1:2526 does not relay for strangers",
            "smtp at 127.0.0.1:2525 takes CRLF.CRLF alone for the end of a message",
            "submission at 127.0.0.1:2587 takes no password without TLS",
        ):
            self.assertIn(each, titles)
        self.assertFalse(any("submission" in each and "relay" in each for each in titles), titles)

    def test_our_own_address_is_listed(self) -> None:
        titles = self.titles(relay=Relay(networks=(ip_network("127.0.0.0/8"),)))
        self.assertNotIn("smtp at 127.0.0.1:2525 does not relay for strangers", titles)
        self.assertIn("proxy at 127.0.0.1:2526 does not relay for strangers", titles)

    def test_passwords_on_loopback_are_allowed(self) -> None:
        titles = self.titles(login=LoginSettings(plaintext_on_loopback=True))
        self.assertFalse(any("password" in each for each in titles), titles)

    def test_a_server_that_learns_the_address_of_the_client(self) -> None:
        proxy = SETTINGS.listen[3].model_copy(
            update={"endpoint": "tcp:2526", "identity": Identity.XCLIENT}
        )
        self.assertFalse(
            any("relay" in each and "2526" in each for each in self.titles(listen=(proxy,)))
        )

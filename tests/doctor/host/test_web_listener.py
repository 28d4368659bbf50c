"""Whether the web listener can be reached at the addresses of this host."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host.web_listener import web_listener_check
from mailhost.doctor.network.attempt import Attempt, Result
from tests.doctor.host.case import found_by, settings_of
from tests.queue.fakes import here
from tests.relay.fake_resolver import FakeResolver

LISTEN = [
    {"protocol": "smtp", "endpoint": "tcp:25"},
    {"protocol": "http", "endpoint": "tcp:80"},
    {"protocol": "https", "endpoint": "tcp6:443:interface=\\:\\:"},
    {"protocol": "http", "endpoint": "tcp:8080:interface=127.0.0.1"},
]


class WebListenerTests(SynchronousTestCase):
    def found(self, ends: dict[str, Result], **more: Any) -> list[Finding]:
        """The findings where ports end so, by `ADDRESS:PORT`; others are answered."""
        settings = settings_of(**{"listen": LISTEN, **more})
        resolver = FakeResolver(addresses={"mail.blue.net": ["2620:fe::fe", "9.9.9.9"]})
        context = DoctorContext(cast(Any, Clock()), here, resolver, None)
        self.tried: list[str] = []

        async def try_port(ip: str, port: int) -> Attempt:
            self.tried.append(f"{ip}:{port}")
            return Attempt(ends.get(f"{ip}:{port}", Result.ANSWERED))

        return [*found_by(web_listener_check(context, settings, try_port))]

    def test_each_port_at_each_address(self) -> None:
        (found,) = self.found({})
        self.assertEqual(Verdict.OK, found.verdict)
        places = ["9.9.9.9:80", "9.9.9.9:443", "2620:fe::fe:80", "2620:fe::fe:443"]
        self.assertEqual(places, self.tried)
        self.found({}, dns={"addresses": ["8.8.8.8"]})
        self.assertEqual(["8.8.8.8:80", "8.8.8.8:443"], self.tried)

    def test_refused_and_silent(self) -> None:
        refused, silent = self.found(
            {"9.9.9.9:80": Result.REFUSED, "2620:fe::fe:443": Result.TIMED_OUT}
        )
        self.assertEqual("doctor/web-listener-unreachable", refused.name)
        self.assertEqual((Verdict.WARNING, Verdict.UNKNOWN), (refused.verdict, silent.verdict))
        self.assertIn("refused at 9.9.9.9:80", refused.seen)
        self.assertIn("no connection at [2620:fe::fe]:443", silent.seen)

    def test_nothing_to_reach(self) -> None:
        self.assertEqual([], self.found({}, listen=LISTEN[:1]))
        self.assertEqual([], self.found({}, hostname="mail.blue.test"))

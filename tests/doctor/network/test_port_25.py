"""Port 25 of other hosts: who can be reached."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, TimeoutError, fail
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.network.attempt import Attempt, Result
from mailhost.doctor.network.port_25 import port_25_check
from mailhost.interfaces.dns import ResolveFailed
from tests.doctor.running import findings_of
from tests.relay.fake_resolver import FakeResolver

ANSWERED = Attempt(Result.ANSWERED, "220 mx.example.net ESMTP")
TIMED_OUT = Attempt(Result.TIMED_OUT, "timed out after 2.2 s")
REFUSED = Attempt(Result.REFUSED, "Connection was refused by other side.")
ADDRESSES: dict[str, list[str] | Exception] = {
    "a.example.net": ["2001:db8::1", "192.0.2.1", "192.0.2.9"],
    "b.example.net": ["192.0.2.2"],
    "none.example.net": [],
    "later.example.net": ResolveFailed("SERVFAIL"),
}


class PortTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.ends: dict[str, Attempt] = {}
        self.tried: list[tuple[str, int]] = []

    async def try_port(self, ip: str, port: int) -> Attempt:
        self.tried.append((ip, port))
        return self.ends.get(ip, TIMED_OUT)

    def findings(self, *hosts: str) -> Sequence[Finding]:
        return findings_of(
            port_25_check(hosts, 25, FakeResolver({}, ADDRESSES).addresses, self.try_port)
        )

    def test_no_host_is_named_and_none_is_contacted(self) -> None:
        [found] = self.findings()
        self.assertEqual((Verdict.OK, ""), (found.verdict, found.name))
        self.assertIn("not tried", found.seen)
        self.assertIn('port_25_hosts = ["mx.example.net"]', found.copy)
        self.assertEqual([], self.tried)

    def test_one_address_of_each_family_is_tried(self) -> None:
        self.ends["192.0.2.1"] = ANSWERED
        [found] = self.findings("a.example.net")
        self.assertEqual(Verdict.OK, found.verdict)
        self.assertEqual([("192.0.2.1", 25), ("2001:db8::1", 25)], self.tried)

    def test_one_host_that_answers_is_enough(self) -> None:
        self.ends["192.0.2.2"] = ANSWERED
        [found] = self.findings("a.example.net", "b.example.net")
        self.assertEqual((Verdict.OK, "port 25 of b.example.net"), (found.verdict, found.tried))

    def test_all_attempts_time_out(self) -> None:
        [found] = self.findings("a.example.net", "192.0.2.7")
        self.assertEqual((Verdict.FAILURE, "doctor/port-25-closed"), (found.verdict, found.name))
        self.assertEqual("not reached (timed out after 2.2 s)", found.seen)
        self.assertIn("[[relay.route]]", found.copy)

    def test_all_attempts_are_refused(self) -> None:
        self.ends["192.0.2.2"] = REFUSED
        [found] = self.findings("b.example.net")
        self.assertEqual("doctor/port-25-closed", found.name)
        self.assertIn("refused", found.seen)

    def test_names_without_addresses(self) -> None:
        [found] = self.findings("none.example.net", "missing.example.net")
        self.assertEqual((Verdict.UNKNOWN, "doctor/port-25-untried"), (found.verdict, found.name))
        self.assertIn("missing.example.net does not exist", found.seen)

    def test_slow_dns_is_reported_elsewhere(self) -> None:
        def silent(host: str) -> Deferred[Sequence[str]]:
            return fail(TimeoutError())

        self.assertEqual([], findings_of(port_25_check(["a"], 25, silent, self.try_port)))

    def test_silent_dns_is_reported_elsewhere(self) -> None:
        self.assertEqual([], self.findings("later.example.net"))

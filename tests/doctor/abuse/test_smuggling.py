"""Which sequences a server takes for the end of a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.abuse.smuggling import (
    PATIENCE,
    SEQUENCES,
    SMUGGLING,
    SMUGGLING_UNTRIED,
    smuggling_check,
)
from mailhost.doctor.finding import Finding, Verdict
from tests.doctor.abuse.fake_server import FakeServer


def takes_all(command: str) -> str:
    return "354 go on" if command == "DATA" else "250 ok"


class SmugglingCase(SynchronousTestCase):
    def findings(self, server: FakeServer, own: bool = False) -> Sequence[Finding]:
        check = smuggling_check(server.open, "there", "<>", "<bob@here.net>", own)

        async def run() -> Sequence[Finding]:
            return await check.run()

        running = Deferred.fromCoroutine(run())
        server.clock.pump([PATIENCE] * 10)
        return self.successResultOf(running)

    def finding(self, content: Callable[[bytes], str]) -> Finding:
        self.server = FakeServer(takes_all, content)
        (finding,) = self.findings(self.server)
        return finding


class SmugglingTests(SmugglingCase):
    def test_a_server_that_waits_for_the_end(self) -> None:
        received: list[bytes] = []

        def content(data: bytes) -> str:
            received.append(data)
            return ""

        finding = self.finding(content)
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertEqual(len(received), len(SEQUENCES))
        self.assertFalse(any(b"\r\n.\r\n" in data for data in received))

    def test_a_server_that_refuses_at_once(self) -> None:
        finding = self.finding(lambda data: "554 5.6.0 bare LF")
        self.assertEqual(finding.verdict, Verdict.OK)
        self.assertEqual(self.finding(lambda data: "421 bye").verdict, Verdict.OK)

    def test_each_sequence_is_named(self) -> None:
        for name, sequence in SEQUENCES.items():
            finding = self.finding(
                lambda data, end=sequence: "250 taken" if data.endswith(end) else ""  # type: ignore[misc]
            )
            self.assertEqual((finding.verdict, finding.fault), (Verdict.FAILURE, SMUGGLING))
            self.assertIn(name, finding.seen)

    def test_nothing_follows_the_sequence(self) -> None:
        self.finding(lambda data: "250 taken" if data.endswith(b"\n.\n") else "")
        commands = {each.split()[0] for each in self.server.commands}
        self.assertEqual(commands, {"EHLO", "MAIL", "RCPT", "DATA"})


class RefusalTests(SmugglingCase):
    def refusing(self) -> FakeServer:
        return FakeServer(
            lambda command: "550 5.1.1 no" if command.startswith("RCPT") else takes_all(command)
        )

    def test_a_recipient_that_is_refused(self) -> None:
        (finding,) = self.findings(self.refusing())
        self.assertEqual((finding.verdict, finding.fault), (Verdict.UNKNOWN, SMUGGLING_UNTRIED))
        self.assertIn("550 5.1.1 no", finding.seen)

    def test_filters_of_this_host(self) -> None:
        self.assertEqual(self.findings(self.refusing(), own=True), [])

    def test_a_server_that_cannot_be_reached(self) -> None:
        server = self.refusing()
        server.greeting = ""
        self.assertEqual(self.findings(server), [])

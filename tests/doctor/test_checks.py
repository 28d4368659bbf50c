"""Checks that run side by side within their time limits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.checks import Check, CheckResult, run_checks
from mailhost.doctor.finding import Fault, Finding, Verdict, failure, ok, unknown, warning
from mailhost.doctor.report import code_of, report_text, report_values

FAULT = Fault("ptr-missing", "Large receivers refuse mail from addresses without a name.")


def check(title: str, *findings: Finding, topic: str = "Network") -> Check:
    """A check that has these findings at once."""

    async def run() -> Sequence[Finding]:
        return findings

    return Check(topic, title, 5.0, run)


class RunChecksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.ended: list[CheckResult] = []

    def start(self, *checks: Check) -> Deferred[list[CheckResult]]:
        return Deferred.fromCoroutine(run_checks(checks, self.clock, self.ended.append))

    def test_the_order_of_the_checks_not_that_of_their_ends(self) -> None:
        late: Deferred[Sequence[Finding]] = Deferred()
        running = self.start(Check("Network", "late", 5.0, lambda: late), check("early"))
        self.assertEqual(["early"], [result.check.title for result in self.ended])
        late.callback([ok("a look", "fine")])
        titles = [result.check.title for result in self.successResultOf(running)]
        self.assertEqual(["late", "early"], titles)

    def test_a_check_without_end_is_cancelled(self) -> None:
        running = self.start(Check("Network", "silent", 5.0, Deferred), check("early"))
        self.clock.advance(5)
        [silent, _] = self.successResultOf(running)
        [finding] = silent.findings
        self.assertEqual(
            (Verdict.UNKNOWN, "doctor/check-timed-out"), (finding.verdict, finding.name)
        )
        self.assertEqual("no result within 5 s", finding.seen)
        self.assertEqual(1, code_of([silent]))

    def test_what_another_check_explains_is_left_out(self) -> None:
        slow = Fault("disk-slow", "Each message waits.")
        disk = failure(slow, "a file synced", "no result within 4 s", "Look into dmesg.")
        running = self.start(
            Check("Directory", "directory", 4.0, Deferred, (slow,)),
            Check("Queue", "queue", 5.0, Deferred),
            check("data folder", disk),
        )
        self.clock.advance(5)
        directory, queue, folder = self.successResultOf(running)
        self.assertEqual((0, 1), (len(directory.findings), len(directory.left_out)))
        self.assertEqual("doctor/check-timed-out", queue.findings[0].name)
        self.assertIn("This explains what was found about: directory", folder.findings[0].seen)

    def check_times_out(self, run: Callable[[], Awaitable[Sequence[Finding]]]) -> None:
        """The end of the time is no defect of the check."""
        running = self.start(Check("Network", "silent", 5.0, run))
        self.clock.advance(5)
        [silent] = self.successResultOf(running)
        self.assertEqual("doctor/check-timed-out", silent.findings[0].name)
        self.assertFalse(silent.broken)

    def test_a_check_that_waits_for_several_results(self) -> None:
        async def several() -> Sequence[Finding]:
            await gatherResults([Deferred(), Deferred()], consumeErrors=True)
            return ()

        self.check_times_out(several)

    def test_a_check_whose_parts_wait_for_several_results(self) -> None:
        async def part() -> None:
            await gatherResults([Deferred(), Deferred()], consumeErrors=True)

        async def several() -> Sequence[Finding]:
            parts = [Deferred.fromCoroutine(part()) for _ in range(2)]
            await gatherResults(parts, consumeErrors=True)
            return ()

        self.check_times_out(several)

    def test_a_defect_of_a_check(self) -> None:
        def broken() -> Deferred[Sequence[Finding]]:
            raise KeyError("a defect")

        running = self.start(Check("Network", "broken", 5.0, broken), check("early", ok("a", "b")))
        results = self.successResultOf(running)
        self.assertEqual(1, len(self.flushLoggedErrors(KeyError)))
        self.assertEqual("doctor/check-broken", results[0].findings[0].name)
        self.assertEqual(3, code_of(results))


class ReportTests(SynchronousTestCase):
    results = (
        CheckResult(check("a"), [ok("DNS server 192.0.2.53", "answers")]),
        CheckResult(check("b", topic="Settings"), [warning(FAULT, "a", "b", "c")]),
        CheckResult(
            check("c"),
            [
                failure(
                    FAULT,
                    "reverse name of 192.0.2.1",
                    "there is none",
                    "Ask the provider of the address to set it:",
                    "1.2.0.192.in-addr.arpa. PTR mx.example.org.",
                )
            ],
        ),
    )

    def test_text(self) -> None:
        self.assertEqual(
            [
                "Network",
                "  ok              DNS server 192.0.2.53: answers",
                "  failure         reverse name of 192.0.2.1: there is none",
                "                  Large receivers refuse mail from addresses without a name.",
                "                  [doctor/ptr-missing]",
                "                  Remedy: Ask the provider of the address to set it:",
                "                    1.2.0.192.in-addr.arpa. PTR mx.example.org.",
                "",
                "Settings",
                "  warning         a: b",
                "                  Large receivers refuse mail from addresses without a name.",
                "                  [doctor/ptr-missing]",
                "                  Remedy: c",
                "",
                "1 failure, 1 warning, 1 ok",
            ],
            list(report_text(self.results, 80)),
        )

    def test_a_topic_without_findings_has_no_heading(self) -> None:
        lines = report_text([CheckResult(check("a", topic="Host name"), [])], 80)
        self.assertEqual(["0 ok"], list(lines))

    def test_values(self) -> None:
        values = report_values(self.results)
        self.assertEqual(2, values["exit_code"])
        self.assertEqual(
            {
                "topic": "Settings",
                "name": "doctor/ptr-missing",
                "verdict": "warning",
                "tried": "a",
                "seen": "b",
                "why": FAULT.why,
                "remedy": "c",
                "copy": [],
            },
            values["findings"][1],
        )

    def test_exit_codes(self) -> None:
        for finding, code in (
            (ok("a", "b"), 0),
            (warning(FAULT, "a", "b", "c"), 1),
            (unknown(FAULT, "a", "b", "c"), 1),
            (failure(FAULT, "a", "b", "c"), 2),
        ):
            self.assertEqual(code, code_of([CheckResult(check("a"), [ok("a", "b"), finding])]))

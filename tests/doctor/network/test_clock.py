"""The clock, as far as a machine knows it by itself."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.load import load
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.network.clock import clock_check, times_of_files
from mailhost.doctor.network.kernel_clock import ClockState, kernel_clock
from mailhost.net.tls.selfsigned import make_self_signed
from tests.doctor.running import at_once, findings_of

TODAY = datetime(2026, 11, 28, tzinfo=UTC).timestamp()
YEAR = 365 * 86_400.0


def finding(state: ClockState, **past: float) -> Finding:
    """The finding about a clock that says TODAY."""
    [found] = findings_of(clock_check(lambda: TODAY, lambda: state, lambda: past, at_once))
    return found


class ClockTests(SynchronousTestCase):
    def test_states_of_the_kernel(self) -> None:
        for state, verdict, name in (
            (ClockState.SYNCHRONISED, Verdict.OK, ""),
            (ClockState.UNSYNCHRONISED, Verdict.WARNING, "doctor/clock-unsynchronised"),
            (ClockState.UNKNOWN, Verdict.UNKNOWN, "doctor/clock-unknown"),
        ):
            found = finding(state, settings=TODAY - YEAR)
            self.assertEqual((verdict, name), (found.verdict, found.name))
            self.assertIn("2026-11-28", found.seen)

    def test_a_clock_that_is_years_behind(self) -> None:
        found = finding(ClockState.SYNCHRONISED, old=TODAY - YEAR, key=TODAY + 2 * YEAR)
        self.assertEqual((Verdict.FAILURE, "doctor/clock-wrong"), (found.verdict, found.name))
        self.assertEqual("the clock has 2026-11-28, but key is from 2028-11-27", found.seen)

    def test_hours_are_no_proof(self) -> None:
        found = finding(ClockState.SYNCHRONISED, key=TODAY + 7200)
        self.assertEqual(Verdict.OK, found.verdict)

    def test_this_kernel_tells_something(self) -> None:
        self.assertIsInstance(kernel_clock(), ClockState)

    def test_times_of_the_files_of_a_host(self) -> None:
        folder = Path(self.mktemp())
        chain, key = make_self_signed(str(folder / "tls"), "mx.example.org")
        path = folder / "mailhost.toml"
        path.write_text(
            f'version = 1\nhostname = "mx.example.org"\ndata = "data"\n'
            f'[[tls.certificate]]\nchain = "{Path(chain).resolve()}"\nkey = "{Path(key).resolve()}"'
            "\n"
        )
        found = times_of_files(load(str(path)))
        self.assertEqual(2, len(found), found)
        now = datetime.now(UTC).timestamp()
        self.assertLess(found[f"the certificate in {Path(chain).resolve()}"], now - 80_000)

"""The output of child processes, and the pauses before they are restarted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailhost.processes.child import LONGEST_RESTART_DELAY, SHORT_LIFE, Child, RestartDelays


class OutputTests(SynchronousTestCase):
    def lines_of(self, *pieces: bytes) -> list[str]:
        """The log lines when the process writes these pieces."""
        lines: list[str] = []
        child = Child(lines.append)
        for piece in pieces:
            child.childDataReceived(2, piece)
        return lines

    def test_a_line_is_logged_when_it_is_complete(self) -> None:
        self.assertEqual(self.lines_of(b"on", b"e\ntw"), ["one"])
        self.assertEqual(self.lines_of(b"on", b"e\ntw", b"o\n"), ["one", "two"])

    def test_octets_that_are_no_utf8(self) -> None:
        self.assertEqual(self.lines_of(b"a\xffb\n"), ["a\ufffdb"])

    @given(st.binary(), st.integers(0, 50))
    def test_any_cut_gives_the_same_lines(self, octets: bytes, at: int) -> None:
        self.assertEqual(self.lines_of(octets[:at], octets[at:]), self.lines_of(octets))


class RestartTests(SynchronousTestCase):
    def test_pauses_double_up_to_a_bound(self) -> None:
        delays = RestartDelays(0.1)
        pauses = [delays.after(SHORT_LIFE - 0.1) for _ in range(12)]
        self.assertEqual(pauses[:3], [0.1, 0.2, 0.4])
        self.assertEqual(pauses[-1], LONGEST_RESTART_DELAY)

    def test_a_long_life_ends_them(self) -> None:
        delays = RestartDelays(0.1)
        delays.after(0)
        self.assertEqual(delays.after(SHORT_LIFE), 0.0)
        self.assertEqual(delays.after(0), 0.1)

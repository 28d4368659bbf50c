"""The table that compares the hosts."""

from __future__ import annotations

import io
from unittest.mock import patch

from rich.console import Console
from twisted.trial.unittest import SynchronousTestCase

from bench import run
from bench.load import SLOW, WORKS, Work
from bench.run import ITSELF, Figures, contenders, summary, table


class TableTests(SynchronousTestCase):
    """Cold and warm figures, medians and ratios."""

    def shown(self, *results: dict[str, object]) -> str:
        """The table as text, one blank between words."""
        console = Console(file=io.StringIO(), width=200)
        console.print(table(results, "ext4 with a journal"))
        assert isinstance(console.file, io.StringIO)
        return " ".join(console.file.getvalue().replace("│", " ").split())

    def result(self, cold: Figures, warm: Figures) -> dict[str, object]:
        """What `compare` returns."""
        return {"work": "a load", **summary(cold), "warm": summary(warm), "least": 1.5, "aim": 2.5}

    def test_the_ratio_is_the_median_of_those_of_the_rounds(self) -> None:
        found = summary({"mailhost": [200.0, 300.0, 100.0], "postfix": [100.0, 100.0, 100.0]})
        self.assertEqual(found["ratio"], 2.0)
        self.assertEqual(found["medians"], {"mailhost": 200.0, "postfix": 100.0})

    def test_cold_and_warm_hosts_and_the_file_system(self) -> None:
        cold: Figures = {"mailhost": [300.0], "postfix": [200.0]}
        warm: Figures = {"mailhost": [500.0], "postfix": [400.0]}
        text = self.shown(self.result(cold, warm))
        self.assertIn("a load 300 200 1.50 500 400 1.25 1.5 2.5", text)
        self.assertIn("ext4 with a journal", text)

    def test_without_postfix(self) -> None:
        alone: Figures = {"mailhost": [300.0]}
        text = self.shown(self.result(alone, alone))
        self.assertIn("300 not installed 300 not installed 1.5 2.5", text)

    def test_slow_syncs_are_compared_with_usual_ones(self) -> None:
        figures: Figures = {"mailhost": [100.0], ITSELF: [400.0]}
        self.assertIn(f"100 {ITSELF}: 400 0.25", self.shown(self.result(figures, figures)))

    def test_a_row_without_warm_figures(self) -> None:
        idle: dict[str, object] = {"work": "idle", "medians": {"mailhost": 2.5}, "ratio": None}
        idle |= {"least": "8 KiB", "aim": "3 KiB"}
        self.assertIn("idle 2.5 not installed 8 KiB 3 KiB", self.shown(idle))


class ContenderTests(SynchronousTestCase):
    """Which hosts a row compares."""

    def test_postfix_is_there_where_it_is_installed(self) -> None:
        with patch.object(run, "installed", return_value=True):
            self.assertEqual(list(contenders(WORKS[0])), ["mailhost", "postfix"])
        with patch.object(run, "installed", return_value=False):
            self.assertEqual(list(contenders(WORKS[0])), ["mailhost"])

    def test_postfix_that_cannot_check_passwords_is_not_in_rows_with_logins(self) -> None:
        work = Work("logins", 1, 1, submission=True)
        with patch.object(run, "can_log_in", return_value=False):
            self.assertEqual(list(contenders(work)), ["mailhost"])

    def test_slow_syncs_are_for_mailhost_alone(self) -> None:
        self.assertEqual(list(contenders(SLOW[0])), ["mailhost", ITSELF])

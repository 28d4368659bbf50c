"""docs/metrics.md lists every metric as the code has it, and the alerts use metrics that exist."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from twisted.trial.unittest import SkipTest, SynchronousTestCase

import mailhost
from mailhost.interfaces.count_reasons import FAULT_PARTS, MECHANISMS, REFUSAL_REASONS
from mailhost.message.outcome import Fate
from mailhost.observe.metrics.from_counts import EVENT_ROWS, FILTER_ACTIONS
from mailhost.observe.metrics.from_state import STATE_METRICS
from mailhost.observe.metrics.metric import Kind
from mailhost.queue.census import CountedState

TREE = Path(__file__).parents[2]
METRICS = (*(row.metric for row in EVENT_ROWS), FILTER_ACTIONS, *STATE_METRICS)


class MetricsDocsTests(SynchronousTestCase):
    def setUp(self) -> None:
        page = TREE / "docs" / "metrics.md"
        if not page.is_file():
            raise SkipTest("the source tree is not here")
        self.text = page.read_text()

    def test_the_table_is_what_the_code_has(self) -> None:
        shown = re.findall(r"(?m)^\| `(mailhost_\w+)` \| (\w+) \| (.*?) \| (.*) \|$", self.text)
        written = [
            (
                each.name,
                each.kind.value,
                ", ".join(f"`{name}`" for name in each.labels),
                each.meaning,
            )
            for each in METRICS
        ]
        self.assertEqual(written, shown)

    def test_the_values_of_labels(self) -> None:
        for label, values in (
            ("reason", REFUSAL_REASONS),
            ("mechanism", MECHANISMS),
            ("fate", [fate.value for fate in Fate]),
            ("state", [state.value for state in CountedState]),
            ("part", FAULT_PARTS),
        ):
            (row,) = re.findall(rf"(?m)^\| `{label}` \| (.*) \|$", self.text)
            for value in values:
                self.assertIn(f"`{value}`", row)

    def test_queries_and_alerts_use_metrics_that_exist(self) -> None:
        names = {each.name for each in METRICS}
        for each in METRICS:
            if each.kind is Kind.HISTOGRAM:
                names |= {f"{each.name}_{part}" for part in ("bucket", "sum", "count")}
        rules = (TREE / "etc" / "prometheus" / "mailhost-alerts.yml").read_text()
        self.assertLessEqual(set(re.findall(r"mailhost_\w+", self.text + rules)), names)
        (group,) = yaml.safe_load(rules)["groups"]
        self.assertEqual(5, len(group["rules"]))
        for rule in group["rules"]:
            self.assertEqual({"alert", "expr", "for", "annotations"}, set(rule))
            self.assertEqual({"summary", "remedy"}, set(rule["annotations"]))
        config = yaml.safe_load((TREE / "etc" / "prometheus" / "prometheus.yml").read_text())
        self.assertEqual(["mailhost-alerts.yml"], config["rule_files"])


class ImportTests(SynchronousTestCase):
    def test_prometheus_client_is_imported_only_where_a_listener_is_set(self) -> None:
        """One module imports it, one imports that, and the listener imports this when it opens."""
        chain = (
            (r"(?m)^(?:from|import) prometheus_client", "observe/metrics/text.py"),
            (r"(?m)^from mailhost\.observe\.metrics\.text ", "application/metrics_pages.py"),
            (r"(?m)^ +from mailhost\.application\.metrics_pages ", "application/metrics.py"),
        )
        package = Path(mailhost.__file__).parent
        texts = {str(path.relative_to(package)): path.read_text() for path in package.rglob("*.py")}
        for pattern, importer in chain:
            found = [name for name, text in texts.items() if re.search(pattern, text)]
            self.assertEqual([importer], found)
        eager = r"(?m)^from mailhost\.application\.metrics_pages "
        self.assertFalse([name for name, text in texts.items() if re.search(eager, text)])

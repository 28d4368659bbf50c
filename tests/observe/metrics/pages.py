"""The page of metrics, parsed back by prometheus-client's own parser."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.parser import text_string_to_metric_families

from mailhost.concurrency.pauses import no_pause
from mailhost.observe.metrics.snapshot import Snapshot
from mailhost.observe.metrics.text import text_of
from tests.fakes import now

Labels = frozenset[tuple[str, str]]
Values = dict[tuple[str, Labels], float]


def families(page: str) -> Iterator[Family]:
    """Yield the metrics of a page."""
    yield from text_string_to_metric_families(page)


def values_on(page: str) -> Values:
    """Return each value of a page, by the name of its sample and its labels."""
    found = {}
    for family in families(page):
        for sample in family.samples:
            found[sample.name, frozenset(sample.labels.items())] = sample.value
    return found


class Page:
    """The page of a snapshot."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.text = now(text_of(snapshot, no_pause)).decode()
        self.values = values_on(self.text)

    def value(self, sample: str, /, **labels: str) -> float | None:
        """Return the value of a sample, None where it is not there."""
        return self.values.get((sample, frozenset(labels.items())))

    def labels(self, name: str) -> list[dict[str, str]]:
        """Return the labels of each sample of this name."""
        return [dict(labels) for found, labels in self.values if found == name]

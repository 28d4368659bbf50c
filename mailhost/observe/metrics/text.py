"""Prints a snapshot in the text format of Prometheus, by prometheus-client.

This module is imported only where the settings have a listener for metrics. The default registry of
prometheus-client is not used: nothing is counted there, and its metrics about the process would be
those of the head alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from mailhost.concurrency.pauses import Pause
from mailhost.observe.metrics.from_counts import from_counts
from mailhost.observe.metrics.from_state import from_state
from mailhost.observe.metrics.metric import Histogram, Kind, Metric, Samples
from mailhost.observe.metrics.snapshot import Snapshot

PART = 100  # values that are printed without a pause: about a millisecond
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _One(Collector):
    """A registry of one metric."""

    def __init__(self, family: Family) -> None:
        self._family = family

    def collect(self) -> Iterator[Family]:
        """See Collector."""
        yield self._family


async def text_of(snapshot: Snapshot, pause: Pause) -> bytes:
    """Return the page. A page of some hundred values takes some milliseconds of processor time,
    with pauses."""
    pieces, size = list[bytes](), 0
    for metric, samples in (*from_counts(snapshot), *from_state(snapshot)):
        family = _family(metric, samples)
        pieces.append(generate_latest(_One(family)))
        size += len(family.samples)
        if size > PART:
            size = 0
            await pause()
    return b"".join(pieces)


def _family(metric: Metric, samples: Samples) -> Family:
    if metric.kind is Kind.HISTOGRAM:
        return _histogram(metric, samples)
    make = CounterMetricFamily if metric.kind is Kind.COUNTER else GaugeMetricFamily
    family = make(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in samples:
        assert not isinstance(value, Histogram)
        family.add_metric(labels, value)
    return family


def _histogram(metric: Metric, samples: Samples) -> Family:
    family = HistogramMetricFamily(metric.name, metric.meaning, labels=metric.labels)
    for labels, value in samples:
        assert isinstance(value, Histogram)
        buckets = [(_bound(bound), count) for bound, count in value.buckets]
        family.add_metric(labels, buckets, value.total)
    return family


def _bound(seconds: float) -> str:
    return "+Inf" if seconds == inf else repr(seconds)

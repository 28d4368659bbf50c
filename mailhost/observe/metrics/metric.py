"""A metric as data: its name, kind, meaning and labels, as docs/metrics.md lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Kind(StrEnum):
    """The kinds of Prometheus that are used here."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """`name` is as Prometheus shows it, `meaning` is the text of its HELP line. Each value has one
    label value for each of `labels`."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Histogram:
    """The value of a histogram: for each upper bound how many values are not above it, and the sum
    of all values. The last bound is infinite."""

    buckets: tuple[tuple[float, int], ...]
    total: float


Samples: TypeAlias = Iterable[tuple[tuple[str, ...], float | Histogram]]
"""Values of one metric, each with its label values."""

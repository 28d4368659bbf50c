"""The settings of filters that are somebody else's program: milters, and code of one's own."""

from __future__ import annotations

from typing import Any, Literal

from mailhost.config.filters.common import Filter
from mailhost.config.section import Positive
from mailhost.config.types import Path, Upstream


class Milter(Filter):
    """`kind = "milter"`: a mail filter that speaks Sendmail's protocol. `timeout` is for each of
    its answers."""

    kind: Literal["milter"]
    endpoint: Upstream
    connect_timeout: Positive = 30.0


class Python(Filter):
    """`kind = "python"`: a filter of one's own. `file` has a function `make_filter`, or `plugin`
    names a Twisted plugin that has; it gets `options` and returns an IFilter."""

    kind: Literal["python"]
    file: Path | None = None
    plugin: str = ""
    options: dict[str, Any] = {}

"""The settings of filters that are not part of mailhost: milters, and the operator's own code."""

from __future__ import annotations

from typing import Any, Literal

from mailhost.config.filters.common import Filter
from mailhost.config.section import Positive
from mailhost.config.types import Path, Upstream


class Milter(Filter):
    """`kind = "milter"`: a mail filter that speaks the milter protocol. `timeout` is the time for
    each of its answers."""

    kind: Literal["milter"]
    endpoint: Upstream
    connect_timeout: Positive = 30.0


class Python(Filter):
    """`kind = "python"`: a filter of the operator. `file`, or the Twisted plugin named `plugin`,
    has a function `make_filter`, which gets `options` and returns an IFilter. A reload runs a file
    again; a changed plugin needs a restart, since Python imports a module once in each process."""

    kind: Literal["python"]
    file: Path | None = None
    plugin: str = ""
    options: dict[str, Any] = {}

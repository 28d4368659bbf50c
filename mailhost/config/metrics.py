"""`[metrics]`: a listener of its own for the metrics and the health of the host."""

from __future__ import annotations

from mailhost.config.section import Section
from mailhost.config.types import ServerEndpoint

DEFAULT_ENDPOINT = "tcp:9425:interface=127.0.0.1"


class Metrics(Section):
    """`[metrics]`. Without this section nothing listens. `endpoint` is a Twisted server endpoint
    description for TCP."""

    endpoint: ServerEndpoint = DEFAULT_ENDPOINT

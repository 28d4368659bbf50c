"""The metrics of a running host, and mail whose totals do not depend on who takes it."""

from __future__ import annotations

from collections.abc import Callable
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.end_to_end.running import PATIENCE, RunningHost
from tests.end_to_end.shared import MAIL, Raw
from tests.observe.metrics.pages import Values, values_on

MESSAGES = 4
Counted = tuple[str, tuple[tuple[str, str], ...]]
TOTALS: dict[Counted, int] = {
    ("mailhost_connections_total", (("protocol", "smtp"),)): MESSAGES,
    ("mailhost_received_messages_total", (("protocol", "smtp"),)): MESSAGES,
    (
        "mailhost_refusals_total",
        (("class", "5xx"), ("protocol", "smtp"), ("reason", "recipient")),
    ): MESSAGES,
    ("mailhost_delivery_attempts_total", (("fate", "delivered"),)): MESSAGES,
    (
        "mailhost_client_tls_handshakes_total",
        (("protocol", "smtp"), ("version", "TLSv1.3")),
    ): 1,
}
"""What `send_all` adds to the counters, but for octets, which depend on the names of clients."""
OCTETS: Counted = ("mailhost_received_bytes_total", (("protocol", "smtp"),))


def send_all(connect: Callable[[], Raw]) -> None:
    """Send the messages, each over a connection that said EHLO; ann@example.com gets them."""
    for number in range(MESSAGES):
        raw = connect()
        if number == 0:
            assert raw.say("STARTTLS\r\n").startswith(b"220")
            raw.start_tls()
            raw.say("EHLO client.example\r\n")
        replies = raw.envelope("ann@example.com", "no-one@example.com")
        assert [each[:3] for each in replies] == [b"250", b"550"], replies
        raw.say("DATA\r\n")
        assert raw.say(MAIL % b"counted").startswith(b"250")
        raw.say("QUIT\r\n")
        raw.close()


class MetricsOf:
    """The pages of a host with `[metrics]` in its settings."""

    def __init__(self, host: RunningHost) -> None:
        text = "listening for metrics on "
        line = next(line for line in reversed(host.lines) if text in line)
        self._base = f"http://{line.rpartition(text)[2]}"

    def get(self, path: str, method: str = "GET") -> tuple[int, str]:
        """Return the status code and the body of a page."""
        try:
            with urlopen(Request(self._base + path, method=method), timeout=PATIENCE) as page:
                return page.status, page.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def values(self) -> Values:
        """Return all values of /metrics."""
        code, text = self.get("/metrics")
        assert code == 200, text
        return values_on(text)

    def counters(self) -> Values:
        """Return the values that never decrease, whatever happens to workers."""
        return {
            key: value
            for key, value in self.values().items()
            if key[0].endswith(("_total", "_bucket")) and "_process_cpu" not in key[0]
        }


def added(before: Values, after: Values) -> dict[Counted, float]:
    """Return what was added to the counters of TOTALS, and to the octets."""
    keys = {(name, tuple(sorted(labels))): (name, labels) for name, labels in after}
    return {
        key: after[keys[key]] - before.get(keys[key], 0.0)
        for key in (*TOTALS, OCTETS)
        if key in keys
    }

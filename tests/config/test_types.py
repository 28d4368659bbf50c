"""How sizes, times, names and hosts are written."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.types import (
    AccountName,
    Bytes,
    ClientEndpoint,
    DomainPattern,
    Seconds,
    ServerAddress,
    Target,
    split_host_port,
)


class TypeTests(SynchronousTestCase):
    """A table of values for each type."""

    def table(self, kind: Any, right: dict[object, object], wrong: list[object]) -> None:
        adapter: TypeAdapter[object] = TypeAdapter(kind)
        for text, value in right.items():
            self.assertEqual(adapter.validate_python(text), value)
        for text in wrong:
            self.assertRaises(ValidationError, adapter.validate_python, text)

    def test_sizes(self) -> None:
        right: dict[object, object] = {7: 7, "1 kB": 1000, "1.5MiB": 1572864, "20 GB": 20 * 10**9}
        self.table(
            Bytes, right, ["", "MB", "1 XB", True, "-1", 1.5, "1 MB 2", -5, "9" * 400 + " GB"]
        )

    def test_times(self) -> None:
        right: dict[object, object] = {7: 7.0, "5 minutes": 300.0, "1 day": 86400.0, "4h": 14400.0}
        self.table(
            Seconds,
            right,
            ["", "minutes", "1 blink", True, -1, "-1 s", float("inf"), float("nan"), "99999 weeks"],
        )

    def test_names_and_targets(self) -> None:
        self.table(AccountName, {"ann": "ann", "a.b": "a.b"}, ["", "a@b", "a b", ".a", 5])
        right: dict[object, object] = {"ann": "ann", "Ann@Example.COM": "Ann@example.com"}
        self.table(Target, right, ["", "@", "ann@", "a b@c", None])

    def test_patterns(self) -> None:
        right: dict[object, object] = {
            "*": "*",
            "*.Example": "*.example",
            "bücher.example": "xn--bcher-kva.example",
        }
        self.table(DomainPattern, right, ["", "a*", "*.*", 1])

    def test_hosts_and_ports(self) -> None:
        right: dict[object, object] = {"127.0.0.1": "127.0.0.1:53", "[::1]:54": "[::1]:54"}
        self.table(ServerAddress, right, ["ns.example:53", "1.2.3.4:0", "1.2.3.4:99999", "", 5])
        same: dict[object, object] = {"h:587": "h:587", "[::1]:25": "[::1]:25", "h": "h"}
        self.table(
            ClientEndpoint, same, ["", ":25", "h:0", "h:x", "a b:25", "h:70000", 5, "tcp:h:25"]
        )

    @settings(deadline=None)
    @given(st.text(alphabet="[]:.0ah1x ", max_size=20) | st.text(max_size=10))
    def test_any_text_is_a_host_and_port_or_refused(self, text: str) -> None:
        try:
            host, port = split_host_port(text, 25)
        except ValueError as error:
            self.assertTrue(str(error))
        else:
            self.assertIsInstance(host, str)
            self.assertIsInstance(port, int)

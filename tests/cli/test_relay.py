"""`mailhost relay`, with a host that is not there."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.cli.bench import CommandCase, fake_host

SEEN = [
    {"host": "mx1.x.example", "tls": "2026-11-28", "verified": "2026-11-20"},
    {"host": "mx2.x.example", "tls": "2026-11-27", "verified": ""},
]


class RelayTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings()
        self.control = os.path.join(self.data, "control.sock")

    def test_what_was_seen(self) -> None:
        with fake_host(self.control, lambda _: {"ok": True, "result": SEEN}):
            table = self.run_ok("relay", "seen-tls", "x.example")
            self.assertEqual(SEEN, json.loads(self.run_ok("relay", "seen-tls", "--json")))
        self.assertRegex(table, r"mx1\.x\.example +2026-11-28 +2026-11-20")
        self.assertRegex(table, r"mx2\.x\.example +2026-11-27 +never")

    def test_forgetting(self) -> None:
        def answer(request: Any) -> Any:
            if request["arguments"] == {"host": "x.example"}:
                return {"ok": True, "result": [each["host"] for each in SEEN]}
            return {"ok": False, "error": "no TLS was seen at y.example"}

        with fake_host(self.control, answer):
            said = self.run_ok("relay", "forget-tls", "x.example")
            self.assertIn("the TLS of mx2.x.example is forgotten", said)
            self.assertIn("no TLS was seen", self.run_fails("relay", "forget-tls", "y.example"))

"""`mailhost status`, against a host that answers what the test wants."""

from __future__ import annotations

import json
from typing import Any

from mailhost.net.control.client import control_path
from tests.cli.bench import CommandCase, fake_host

STATUS: dict[str, Any] = {
    "totals": {"received": 12, "refused_logins": 3},
    "events": [{"event": "received", "protocol": "smtp", "result": "", "count": 12}],
    "processes": [
        {"role": "head", "pid": 100, "connections": 0},
        {"role": "worker", "pid": 101, "connections": 7},
    ],
}


class StatusTests(CommandCase):
    def asked(self, *arguments: str) -> str:
        """Run the command; return what it printed."""
        self.settings()
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": STATUS}) as asked:
            output = self.run_ok("status", *arguments)
        self.assertEqual([{"command": "status", "arguments": {}}], list(asked))
        return output

    def test_tables(self) -> None:
        output = self.asked()
        for row in (r"received +12", r"refused logins +3", r"head +100 +0", r"worker +101 +7"):
            self.assertRegex(output, rf"(?m)^{row} *$")

    def test_json(self) -> None:
        self.assertEqual(STATUS, json.loads(self.asked("--json")))

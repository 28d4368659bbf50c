"""`mailhost login`, with a host that is not there."""

from __future__ import annotations

import json
import os
from typing import Any

from tests.cli.bench import CommandCase, fake_host

BLOCKS = [
    {"client": "192.0.2.1", "account": "", "failures": 10, "seconds": 61.0},
    {"client": "", "account": "ann@example.com", "failures": 12, "seconds": 1.0},
    {"client": "*", "account": "bob@example.com", "failures": 100, "seconds": 7200.0},
]


class LoginTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings()
        self.control = os.path.join(self.data, "control.sock")

    def test_blocks_as_a_table_and_for_programs(self) -> None:
        with fake_host(self.control, lambda _: {"ok": True, "result": BLOCKS}):
            table = self.run_ok("login", "blocked")
            self.assertEqual(BLOCKS, json.loads(self.run_ok("login", "blocked", "--json")))
        self.assertRegex(table, r"192\.0\.2\.1 +any +10 +2 min")
        self.assertRegex(table, r"unix sockets +ann@example\.com +12 +1 min")
        self.assertRegex(table, r"all unknown +bob@example\.com +100 +121 min")

    def test_no_blocks(self) -> None:
        with fake_host(self.control, lambda _: {"ok": True, "result": []}):
            self.assertIn("no logins are blocked", self.run_ok("login", "blocked"))

    def test_lifting_one(self) -> None:
        def answer(request: Any) -> Any:
            if request["arguments"] == {"what": "192.0.2.1"}:
                return {"ok": True, "result": None}
            return {"ok": False, "error": "no failed logins are counted for 192.0.2.2"}

        with fake_host(self.control, answer):
            self.assertIn("192.0.2.1 may try again", self.run_ok("login", "unblock", "192.0.2.1"))
            self.assertIn("are counted", self.run_fails("login", "unblock", "192.0.2.2"))

    def test_the_help_of_the_group_is_whole(self) -> None:
        self.assertNotIn("...", self.run_ok("login", "--help").partition("\n")[2])

    def test_no_host(self) -> None:
        self.assertIn("no host is running", self.run_fails("login", "blocked"))

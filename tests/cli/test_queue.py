"""`mailhost queue`, against a host that says what the test wants."""

from __future__ import annotations

import json
import time
from typing import Any

from rich.cells import cell_len

from mailhost.cli import table
from mailhost.net.control.client import control_path
from tests.cli.bench import CommandCase, fake_host

ENTRY: dict[str, Any] = {
    "id": "0123456789abcdef",
    "sender": "ann@example.com",
    "size": 12_345,
    "arrived": time.time() - 3700,
    "next_attempt": time.time() + 1900,
    "state": "waiting",
    "recipients": [
        {"address": "bob@far.example", "state": "delayed", "status": "450 4.2.0 later\x1b[31m"}
    ],
}
BOUNCE = ENTRY | {"sender": None, "id": "second", "next_attempt": None, "state": "held"}


class QueueTests(CommandCase):
    """Lists for people and programs, and what the host is asked to do."""

    def setUp(self) -> None:
        super().setUp()
        self.settings()
        # anew for each test: a run of many takes minutes
        ENTRY.update(arrived=time.time() - 3700, next_attempt=time.time() + 1900)

    def asked(self, result: Any, *arguments: str) -> tuple[str, list[Any]]:
        """Run a command; return what it printed and what the host was asked."""
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": result}) as asked:
            return self.run_ok("queue", *arguments), list(asked)

    def test_list(self) -> None:
        output, asked = self.asked([ENTRY, BOUNCE], "list")
        self.assertEqual(asked, [{"command": "queue.list", "arguments": {"all": True}}])
        row = next(line for line in output.splitlines() if "0123456789abcdef" in line)
        for text in ("1 h ago", "in 31 min", "12.3 kB", "ann@example.com", "bob@far.example"):
            self.assertIn(text, row)
        self.assertNotIn("450 4.2.0", output)  # it has no room here; `show` has it
        self.assertRegex(output, "(?m)^second .* held ")
        self.assertIn("<>", output)
        self.assertNotIn("\x1b[31m", output)

    def test_the_header_keeps_its_lines(self) -> None:
        entry = ENTRY | {"header": "Received: from a\n\tby b\nSubject:\x1b[2J"}
        output, _ = self.asked([entry], "show", "0123456789abcdef")
        self.assertRegex(output, r"header +Received: from a\n +by b\n +Subject:\ufffd\[2J")

    def test_on_a_narrow_terminal_each_entry_is_a_line_with_its_whole_id(self) -> None:
        self.patch(table, "terminal_width", lambda: 80)
        long = [
            {"address": f"{name * 9}@long.example", "state": "delayed", "status": "450 4.2.0 " * 20}
            for name in ("bob", "eve", "\u5f20\u4e09")
        ]
        entries = [
            ENTRY
            | {"id": f"0123456789abcde{number}", "sender": "ann@b.example"}
            | {"recipients": long[number:] or long}
            for number in range(4)
        ]
        entries.append(ENTRY | {"id": "0123456789abcdef", "state": "quarantined", "size": 10**9})
        output, _ = self.asked(entries, "list")
        lines = output.splitlines()
        self.assertEqual(len(lines), 1 + len(entries))
        for entry, line in zip(entries, lines[1:], strict=True):
            self.assertTrue(line.startswith(str(entry["id"]) + " "), line)
            self.assertLessEqual(cell_len(line.rstrip()), 80, line)
        self.assertIn("ann@b.example ", lines[1])  # what is short is not cut
        self.assertIn("\u2026", lines[1])

    def test_an_empty_list(self) -> None:
        self.assertEqual(self.asked([], "list")[0], "the queue is empty\n")

    def test_list_for_programs(self) -> None:
        output, _ = self.asked([ENTRY], "list", "--json")
        self.assertEqual(json.loads(output), [ENTRY])

    def test_no_text_controls_a_terminal_by_json(self) -> None:
        entry = ENTRY | {"sender": "\x1b[1m\x9b1m\u202e\udcff\U000e0001 zo\xeb"}
        output, _ = self.asked([entry], "list", "--json")
        self.assertTrue(output.replace("\n", "").isprintable(), output)
        self.assertIn("zo\xeb", output)
        self.assertEqual(json.loads(output), [entry])

    def test_show(self) -> None:
        output, asked = self.asked([ENTRY | {"parked": "Traceback\n  boom"}], "show", "a")
        self.assertEqual(asked, [{"command": "queue.show", "arguments": {"ids": ["a"]}}])
        self.assertNotIn("\x1b", output)
        for text in ("bob@far.example: delayed", "450 4.2.0 later", "boom", "12.3 kB"):
            self.assertIn(text, output)
        self.assertEqual(json.loads(self.asked([ENTRY], "show", "a", "--json")[0]), [ENTRY])

    def test_changes(self) -> None:
        for name in ("retry", "hold", "release", "remove"):
            output, asked = self.asked(2, name, "a", "b")
            arguments = {"ids": ["a", "b"]}
            self.assertEqual(asked, [{"command": f"queue.{name}", "arguments": arguments}])
            self.assertIn("2 messages", output)
            output, asked = self.asked(["a"], name, "--all")
            self.assertEqual(asked, [{"command": f"queue.{name}", "arguments": {"all": True}}])
            self.assertIn("1 message ", output)
            self.run_fails("queue", name)
            self.run_fails("queue", name, "a", "--all")

    def test_an_entry_that_cannot_be_read(self) -> None:
        broken: dict[str, Any] = {
            "arrived": None,
            "next_attempt": None,
            "size": 0,
            "recipients": [],
        }
        output, _ = self.asked([BOUNCE | broken | {"state": "parked"}], "list")
        self.assertIn("parked", output)
        self.assertIn("parked", self.asked([BOUNCE | broken | {"state": "parked"}], "show", "a")[0])

    def test_senders_may_be_told_of_a_removal(self) -> None:
        _, asked = self.asked(["a"], "remove", "a", "--bounce")
        self.assertEqual(asked[0]["arguments"], {"ids": ["a"], "bounce": True})

    def test_reload(self) -> None:
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": []}) as asked:
            self.run_ok("reload")
        path = self.config
        self.assertEqual([{"command": "reload", "arguments": {"path": path}}], asked)
        answer = {"ok": False, "error": "admn: is unknown"}
        with fake_host(control_path(self.data), lambda _: answer):
            self.assertIn("admn", self.run_fails("reload"))

    def test_a_reload_of_settings_that_only_a_start_reads(self) -> None:
        later = "user: a is now b; takes effect at the next start"
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": [later]}):
            output = self.run_ok("reload")
        self.assertIn("the host uses the new settings, except these", output)
        self.assertIn(later, output)

    def test_a_reload_where_data_was_changed_may_find_no_host(self) -> None:
        text = self.run_fails("reload")
        self.assertIn("no host is running on", text)
        self.assertIn("if data was changed, restart the host", text)

    def test_what_the_host_refuses(self) -> None:
        answer = {"ok": False, "error": "there is no message a"}
        with fake_host(control_path(self.data), lambda _: answer):
            self.assertIn("no message a", self.run_fails("queue", "show", "a"))

    def test_no_host_running(self) -> None:
        self.assertIn("no host is running", self.run_fails("queue", "list"))

    def test_faults_of_the_file_do_not_keep_it_from_the_running_host(self) -> None:
        self.settings("nonsense = 1\n")
        self.assertIn("empty", self.asked([], "list")[0])

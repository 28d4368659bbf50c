"""`mailhost status`, against a host that answers what the test wants."""

from __future__ import annotations

import json
from typing import Any

from mailhost.cli.status_text import status_lines
from mailhost.net.control.client import control_path
from tests.cli.bench import CommandCase, fake_host

NAMES = ("received", "refused", "queued", "delivered", "relayed", "deferred", "failed")
MORE = ("passed_on", "bounces", "parked", "logins", "refused_logins", "faults")
LISTENERS = (
    ("smtp", 25, "STARTTLS"),
    ("submission", 587, "STARTTLS"),
    ("submissions", 465, "implicit"),
    ("imap", 143, "STARTTLS"),
    ("imaps", 993, "implicit"),
    ("pop3", 110, "STARTTLS"),
    ("pop3s", 995, "implicit"),
)
DAY = 86400
STATUS: dict[str, Any] = {
    "version": "0.2.0",
    "hostname": "mail.example.com",
    "started": 1_700_000_000.0,
    "uptime": 12.5 * DAY,
    "totals": dict.fromkeys((*NAMES, *MORE), 12345),
    "events": [{"event": "received", "protocol": "smtp", "result": "", "count": 12}],
    "processes": [
        {"role": "head", "pid": 31_100, "connections": 2, "memory": 85_200_000},
        {"role": "worker", "pid": 31_101, "connections": 70, "memory": 80_100_000},
        {"role": "worker", "pid": 31_102, "connections": 81, "memory": 81_000_000},
        {"role": "worker", "pid": 31_103, "connections": 64, "memory": None},
    ],
    "writer": {"pid": 31_104, "memory": 21_000_000, "batches": 200, "seconds": 0.9},
    "silent": [31_103],
    "most_connections": 10_000,
    "listeners": [
        {"protocol": name, "endpoint": "", "address": f"[::]:{port}", "tls": tls, "sessions": 31}
        for name, port, tls in LISTENERS
    ],
    "queue": {
        "waiting": {"count": 12, "age": 3.0},
        "deferred": {"count": 3, "age": 2.1 * DAY},
        "parked": {"count": 1, "age": None},
    },
    "disk": {
        "folder": "/var/lib/mailhost",
        "size": 50 * 10**9,
        "free": 41 * 10**9,
        "inodes": 3_000_000,
        "inodes_free": 2_900_000,
        "low": False,
    },
    "certificates": [{"names": ["mail.example.com", "mx.example.com"], "until": 0.0, "days": 61}],
}
SCREEN = """\
mailhost 0.2.0 on mail.example.com, up 12 d
Processes  head 31100 85.2 MB; worker 31101 80.1 MB; worker 31102 81.0 MB;
           worker 31103, does not answer; writer 31104 21.0 MB, 4.5 ms a batch
Sessions   217 of at most 10000 (2 + 70 + 81 + 64)
Queue      12 waiting (oldest 3 s); 3 deferred (oldest 2 d); 1 parked
Disk       41.0 GB free of 50.0 GB (82%); inodes 97% free; in /var/lib/mailhost
TLS        mail.example.com and 1 more, 61 days left
Counts     received 12345; refused 12345; queued 12345; delivered 12345;
           relayed 12345; deferred 12345; failed 12345; passed on 12345;
           bounces 12345; parked 12345; logins 12345; refused logins 12345;
           faults 12345
Listener     address   TLS       sessions
smtp         [::]:25   STARTTLS  31
submission   [::]:587  STARTTLS  31
submissions  [::]:465  implicit  31
imap         [::]:143  STARTTLS  31
imaps        [::]:993  implicit  31
pop3         [::]:110  STARTTLS  31
pop3s        [::]:995  implicit  31
"""


class StatusTests(CommandCase):
    maxDiff = None

    def asked(self, *arguments: str) -> str:
        """Run the command; return what it printed."""
        self.settings()
        with fake_host(control_path(self.data), lambda _: {"ok": True, "result": STATUS}) as asked:
            output = self.run_ok("status", *arguments)
        self.assertEqual([{"command": "status", "arguments": {}}], list(asked))
        return output

    def test_the_screen_of_a_usual_host_has_24_lines_of_80_columns(self) -> None:
        output = self.asked()
        self.assertEqual(SCREEN, output)
        self.assertLessEqual(max(map(len, output.splitlines())), 80)
        self.assertLessEqual(len(output.splitlines()), 24)

    def test_json(self) -> None:
        self.assertEqual(STATUS, json.loads(self.asked("--json")))

    def test_what_is_wrong_is_marked(self) -> None:
        wrong = STATUS | {
            "queue": {},
            "disk": STATUS["disk"] | {"inodes_free": 1000, "low": True},
            "certificates": [{"names": [], "until": 0.0, "days": -2}],
        }
        lines = "\n".join(status_lines(wrong, 80))
        self.assertIn("Queue      empty\n", lines)
        self.assertIn("Disk       WARNING: 41.0 GB free of 50.0 GB (82%); inodes 0% free", lines)
        self.assertIn("TLS        WARNING: no name, expired 2 days ago", lines)
        silent = "\n".join(status_lines(STATUS | {"disk": None}, 80))
        self.assertIn("WARNING: the disk of the data folder does not answer", silent)

    def test_findings_of_the_doctor(self) -> None:
        one = [{"verdict": "failure", "name": "doctor/ptr-missing"}] * 2
        many = [{"verdict": "warning", "name": f"doctor/f{number}"} for number in range(6)]
        for findings, wanted in (
            (one, "Doctor     3 h ago; failure doctor/ptr-missing\n"),
            (many, "; warning doctor/f3; and 2 more\n"),
            ([], "Doctor     3 h ago; all was fine\n"),
        ):
            doctor = {"age": 3 * 3600.0, "findings": findings}
            lines = "\n".join(status_lines(STATUS | {"doctor": doctor}, 80))
            self.assertIn(wanted, " ".join(lines.split(" " * 11)).replace("\n ", " ") + "\n")

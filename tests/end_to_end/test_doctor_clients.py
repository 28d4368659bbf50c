"""`mailhost doctor` at a running host: abuse, and messages that it sends and follows."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from mailhost.logins.stored_secret import hash_password
from tests.end_to_end.fake_upstream import FakeUpstream
from tests.end_to_end.running import BIN, PATIENCE, RunningHost, free_port
from tests.end_to_end.shared import SharedHost

PASSWORD = "correct horse battery"
ABUSE = "Clients and abuse"
FAR, BEHIND, PROXY = (free_port("127.0.0.1") for _ in range(3))
SETTINGS = f"""
admin = "ann@example.test"
[relay]
networks = ["127.0.0.8/30"]
[[relay.route]]
via = "127.0.0.1:{FAR}"
[[listen]]
protocol = "proxy"
endpoint = "tcp:{PROXY}:interface=127.0.0.1"
upstream = ["tcp:127.0.0.1:{BEHIND}"]
[dns]
servers = ["127.0.0.1:9"]
timeout = 1
[domain."example.test".account.ann]
password = {{ file = "ann" }}
"""


class DoctorTests(SharedHost):
    settings = SETTINGS
    domains = ""
    protocols = ("smtp", "submission", "pop3s", "imap")

    def prepare(self, host: RunningHost) -> None:
        secret = host.folder / "ann"
        secret.touch(mode=0o600)
        secret.write_text(hash_password(PASSWORD))
        (host.folder / "password").write_text(PASSWORD)

    def doctor(self, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        """Run the doctor; return its exit code and findings."""
        config = ("--json", "--config", str(self.host.config))
        command = [str(BIN / "mailhost"), "doctor", *arguments, *config]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        try:
            found: list[dict[str, Any]] = json.loads(done.stdout)["findings"]
        except ValueError:
            raise AssertionError(done.stdout + done.stderr) from None
        return done.returncode, found

    def behind(self, **replies: bytes) -> None:
        """Start the server behind the proxy."""
        server = FakeUpstream("127.0.0.1", BEHIND, replies)
        self.addCleanup(server.stop)

    def test_this_host_cannot_be_abused(self) -> None:
        self.behind(RCPT=b"554 5.7.1 Relay access denied")
        _, found = self.doctor()
        about = [each for each in found if each["topic"] == ABUSE]
        self.assertEqual({each["verdict"] for each in about}, {"ok"}, about)
        tried = " ".join(each["tried"] for each in about)
        words = ("addresses of clients", "the rules", "relaying through smtp", "login", "ends")
        for each in words:
            self.assertIn(each, tried)

    def test_the_server_behind_the_proxy_trusts_the_proxy(self) -> None:
        self.behind()
        _, found = self.doctor()
        [relay] = [each for each in found if each["name"] == "doctor/open-relay"]
        self.assertEqual(f"relaying through proxy at 127.0.0.1:{PROXY}", relay["tried"])
        self.assertIn("trusts the address of this host", relay["remedy"])

    def test_a_message_to_an_account(self) -> None:
        password = str(self.host.folder / "password")
        code, found = self.doctor(
            "--send", "ann@example.test", "--user", "ann@example.test", "--password-file", password
        )
        self.assertEqual((code, {each["verdict"] for each in found}), (0, {"ok"}), found)
        tried = " ".join(each["tried"] for each in found)
        for each in ("SMTP to ann@example.test", "mailbox", "POP3", "IMAP"):
            self.assertIn(each, tried)
        self.assertEqual(self.arrived("example.org to ann@example.test", "ann@example.test"), 0)

    def test_a_message_to_another_host(self) -> None:
        far = FakeUpstream("127.0.0.1", FAR)
        self.addCleanup(far.stop)
        password = str(self.host.folder / "password")
        user = ("--user", "ann@example.test", "--password-file", password)
        for as_user in ((), user):
            code, found = self.doctor("--send", "you@far.example", *as_user)
            self.assertEqual(code, 0, found)
            self.assertRegex(found[0]["seen"], "^taken after .* 250 2.0.0 Taken as")
            self.assertRegex(found[1]["seen"], "^relayed after .* said: 250 2.0.0 taken")
        self.assertEqual(len(far.taken), 2)
        self.assertIn(b"\r\nSubject: Test of mailhost doctor\r\n", far.taken[0])

    def test_a_message_that_is_refused(self) -> None:
        far = FakeUpstream("127.0.0.1", FAR, {"RCPT": b"550 5.1.1 no such user"})
        self.addCleanup(far.stop)
        code, found = self.doctor("--send", "you@far.example")
        self.assertEqual((code, found[1]["name"]), (2, "doctor/test-mail-refused"), found)
        self.assertIn("no such user", found[1]["seen"])

    def test_another_server_that_takes_everything(self) -> None:
        far = FakeUpstream("127.0.0.1", FAR)
        self.addCleanup(far.stop)
        target = f"127.0.0.1:{FAR}"
        _, found = self.doctor(target, "--abuse", "--to", "you@far.example")
        about = {each["name"]: each["seen"] for each in found if each["topic"] == ABUSE}
        self.assertIn("RCPT TO:<doctor@example.org> was answered 250", about["doctor/open-relay"])
        self.assertIn("the server takes LF.CRLF", about["doctor/smuggling"])
        self.assertEqual(len(about), 2)

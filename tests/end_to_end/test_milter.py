"""Milters behind a running host: a real OpenDKIM signs what is submitted, and verifies the rest."""

from __future__ import annotations

import smtplib
import ssl
from pathlib import Path

from tests.end_to_end import rspamd
from tests.end_to_end.opendkim import OpenDKIM, needed
from tests.end_to_end.running import RunningHost, free_port, short_folder
from tests.end_to_end.shared import SharedHost

PASSWORD = "correct horse battery"
SETTINGS = """
[login]
plaintext_on_loopback = true
"""
FILTER = """
[[filter]]
kind = "milter"
endpoint = "{endpoint}"
{more}
"""
MAIL = "From: ann@example.com\r\nSubject: {}\r\n\r\nHello, these words are signed.\r\n"


class MilterCase(SharedHost):
    """All tests share a host, which gets the filter of a test by a reload."""

    settings = SETTINGS
    domains = ""
    protocols = ("smtp", "submission")

    def prepare(self, host: RunningHost) -> None:
        host.add_accounts(PASSWORD, "ann@example.com")

    def start(self, endpoint: str, more: str = "") -> RunningHost:
        """The host, whose mail passes the milter at `endpoint` from now on."""
        self.host.write_settings(SETTINGS + FILTER.format(endpoint=endpoint, more=more))
        self.assertIn("reloaded", self.host.reload())
        for path in self.host.inbox("ann@example.com"):
            path.unlink()
        self.since = self.host.mark()
        return self.host

    def setUp(self) -> None:
        super().setUp()
        self.folder = short_folder(self)

    def submit(self, host: RunningHost, subject: str) -> None:
        """A message from somebody who logged in."""
        with smtplib.SMTP(host.address, host.ports["submission"], timeout=30) as client:
            context = ssl._create_unverified_context()
            client.starttls(context=context)
            client.login("ann@example.com", PASSWORD)
            client.sendmail("ann@example.com", ["ann@example.com"], MAIL.format(subject))

    def receive(self, host: RunningHost, message: bytes) -> None:
        """A message from elsewhere."""
        with smtplib.SMTP(host.address, host.ports["smtp"], timeout=30) as client:
            client.sendmail("sue@far.example", ["ann@example.com"], message)


class OpenDKIMTests(MilterCase):
    """Signed, verified, told apart from what was changed on the way."""

    def setUp(self) -> None:
        needed()
        super().setUp()

    def sign(self, name: str, endpoint: str, socket: str) -> None:
        milter = OpenDKIM(self.folder / "opendkim", socket)
        self.addCleanup(milter.stop)
        milter.start()
        host = self.start(endpoint, f'name = "{name}"')
        self.submit(host, "signed")
        [path] = host.inbox("ann@example.com")
        signed = original(path)
        self.assertTrue(signed.startswith(b"DKIM-Signature: v=1; a=rsa-sha256;"), signed)
        self.assertTrue(signed.endswith(MAIL.format("signed").encode()), signed)
        path.unlink()
        self.receive(host, signed)
        self.receive(host, signed.replace(b"these words", b"other words"))
        results = sorted(verdict(each) for each in host.inbox("ann@example.com"))
        self.assertEqual(["dkim=fail", "dkim=pass"], results)
        done = host.command("filters")
        (line,) = (each for each in done.stdout.splitlines() if name in each)
        self.assertIn("edit 3", line)

    def test_over_tcp(self) -> None:
        port = free_port("127.0.0.1")
        self.sign("over-tcp", f"tcp:127.0.0.1:{port}", f"inet:{port}@127.0.0.1")

    def test_over_a_unix_socket(self) -> None:
        path = self.folder / "milter.sock"
        self.sign("over-unix", f"unix:{path}", f"local:{path}")

    def test_it_goes_and_comes_back(self) -> None:
        path = self.folder / "milter.sock"
        milter = OpenDKIM(self.folder / "opendkim", f"local:{path}")
        self.addCleanup(milter.stop)
        host = self.start(f"unix:{path}")
        with self.assertRaises(smtplib.SMTPResponseException) as refused:
            self.receive(host, b"Subject: x\r\n\r\nx\r\n")
        self.assertEqual(421, refused.exception.smtp_code)
        host.wait_for("no connection to the filter", self.since)
        milter.start()
        self.receive(host, b"Subject: x\r\n\r\nx\r\n")
        self.assertEqual(1, len(host.inbox("ann@example.com")))


class RspamdTests(MilterCase):
    """Mail that it lets pass, marks and rejects."""

    def setUp(self) -> None:
        rspamd.needed()
        super().setUp()

    def test_the_test_pattern(self) -> None:
        milter = rspamd.Rspamd(self.folder / "rspamd")
        self.addCleanup(milter.stop)
        milter.start()
        host = self.start(f"tcp:127.0.0.1:{milter.port}")
        head = b"From: sue@far.example\r\nSubject: %b\r\n\r\n%b\r\n"
        self.receive(host, head % (b"ham", b"hello"))
        self.receive(host, head % (b"marked", rspamd.MARKED.encode()))
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            self.receive(host, head % (b"refused", rspamd.REJECTED.encode()))
        self.assertEqual(554, refused.exception.smtp_code)
        self.assertIn(b"Gtube pattern [milter]", refused.exception.smtp_error)
        found = {
            path.read_text().partition("Subject: ")[2].split()[0]: path.read_text()
            for path in host.inbox("ann@example.com")
        }
        self.assertEqual(["ham", "marked"], sorted(found))
        self.assertIn("X-Spam: Yes\n", found["marked"].replace("\r", ""))
        self.assertNotIn("X-Spam", found["ham"])


class MissingTests(MilterCase):
    """A milter that is not there, and need not be."""

    def test_mail_passes(self) -> None:
        host = self.start(f"unix:{self.folder}/nobody.sock", 'on_error = "pass"')
        self.receive(host, b"Subject: x\r\n\r\nx\r\n")
        self.assertEqual(1, len(host.inbox("ann@example.com")))
        host.wait_for("filter milter: no connection to the filter", self.since)


def original(path: Path) -> bytes:
    """A message in a mailbox without the trace fields on top of it."""
    message = path.read_bytes()
    return message[message.index(b"DKIM-Signature:") :]


def verdict(path: Path) -> str:
    """The result of a signature in Authentication-Results."""
    message = path.read_text()
    start = message.index("dkim=")
    return message[start:].split()[0]

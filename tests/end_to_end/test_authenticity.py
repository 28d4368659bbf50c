"""Mail from strangers to a host with the filter "authenticity", with a DNS server on loopback."""

from __future__ import annotations

import atexit
import shutil
import smtplib
import threading
from typing import ClassVar

from twisted.trial.unittest import TestCase

from mailhost.dkim.body import hash_body
from mailhost.dkim.keys import make_ed25519_key
from mailhost.dkim.sign import BODY_FORM, Signer, sign
from mailhost.message.content import Content
from tests.dmarc_reports.samples import NEW, gzipped
from tests.end_to_end.dns_process import DNSProcess
from tests.end_to_end.running import PATIENCE, RunningHost
from tests.end_to_end.shared import new_folder

KEY = make_ed25519_key()
SIGNER = Signer("strict.internal", "s", KEY)
RECORDS = {
    "strict.internal": [["TXT", "v=spf1 -all"]],
    "_dmarc.strict.internal": [["TXT", "v=DMARC1; p=reject"]],
    "s._domainkey.strict.internal": [["TXT", KEY.record()]],
    "soft.internal": [["TXT", "v=spf1 -all"]],
    "_dmarc.soft.internal": [["TXT", "v=DMARC1; p=quarantine"]],
}
OBSERVE = """
[dns]
servers = ["127.0.0.1:%d"]
[dmarc]
reports = { "one.internal" = "dmarc@one.internal" }
[[filter]]
kind = "authenticity"
mode = "observe"
"""
MAIL = b"From: sue@%s\r\nTo: ann@one.internal\r\nSubject: hello\r\n\r\nHello\r\n"
FORGED = b"Authentication-Results: mx.one.internal; dmarc=pass\r\n"


def signed(message: bytes) -> bytes:
    """The message with a signature of strict.internal."""
    content = Content((message,))
    header = content.header()
    body = hash_body(content, header, [BODY_FORM])[BODY_FORM]
    return sign(header, body, [SIGNER], 1_790_000_000) + message


class AuthenticityTests(TestCase):
    """All tests share the host, whose inboxes are empty when a test begins."""

    host: ClassVar[RunningHost | None] = None

    def setUp(self) -> None:
        if AuthenticityTests.host is None:
            AuthenticityTests.host = self.start()
        self.running = AuthenticityTests.host
        for path in (self.running.data / "mail").glob("**/new/*"):
            path.unlink()

    def start(self) -> RunningHost:
        dns = DNSProcess(RECORDS)
        atexit.register(dns.stop)
        host = RunningHost(
            new_folder(), OBSERVE % dns.port, protocols=("smtp",), hostname="mx.one.internal"
        )
        host.add_accounts("correct horse battery", "ann@one.internal")
        atexit.register(shutil.rmtree, host.folder)
        host.start()
        atexit.register(host.stop)
        return host

    def send(self, message: bytes, sender: str, to: str = "ann") -> None:
        """A stranger sends to ann, or to another name."""
        with smtplib.SMTP("127.0.0.1", self.running.ports["smtp"], timeout=30) as client:
            client.sendmail(sender, [f"{to}@one.internal"], message)

    def stored(self, folder: str = "") -> bytes:
        """The one message that arrives in a folder of ann."""
        new = self.running.data / "mail" / "one.internal" / "ann" / folder / "new"
        done = threading.Event()
        for _ in range(int(PATIENCE * 10)):
            found = sorted(new.glob("*"))
            if found:
                return found[0].read_bytes()
            done.wait(0.1)
        raise AssertionError("\n".join(self.running.lines))

    def test_observed_mail_gets_the_results_and_is_delivered(self) -> None:
        since = self.running.mark()
        self.send(FORGED + MAIL % b"strict.internal", "sue@strict.internal")
        text = self.stored()
        self.assertEqual(text.count(b"Authentication-Results: mx.one.internal;"), 1, text)
        self.assertNotIn(FORGED, text)
        self.assertIn(b"spf=fail", text)
        self.assertIn(b"dmarc=fail", text)
        self.assertIn(b"policy.evaluated-disposition=reject", text)
        self.running.wait_for("dmarc=fail (strict.internal)", since)
        self.running.wait_for("filter authenticity: would reject", since)

    def test_a_signed_message_passes(self) -> None:
        self.send(signed(MAIL % b"strict.internal"), "sue@strict.internal")
        text = self.stored()
        self.assertIn(b"dkim=pass", text)
        self.assertIn(b"dmarc=pass header.from=strict.internal", text)

    def test_a_dmarc_report_is_collected(self) -> None:
        since = self.running.mark()
        report = gzipped(NEW.replace(b"example.org", b"one.internal"))
        self.send(report, "dmarc@strict.internal", to="dmarc")
        self.running.wait_for("DMARC report of Far Mail about one.internal", since)
        shown = self.running.command("dmarc", "one.internal", "--no-names", "--days", "10000")
        self.assertIn("12 messages, reported by Far Mail", shown.stdout)
        self.assertEqual([], list((self.running.data / "dmarc" / "incoming" / "new").iterdir()))

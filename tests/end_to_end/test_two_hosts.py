"""Two hosts and a DNS server on loopback: mail is carried, bounces come back, the queue keeps."""

from __future__ import annotations

import atexit
import json
import shutil
import smtplib
import threading
import time
from typing import ClassVar

from twisted.trial.unittest import TestCase

from mailhost.dkim.verify import DKIMStatus
from tests.dkim.messages import results
from tests.dns_server import Records
from tests.end_to_end.dns_process import DNSProcess
from tests.end_to_end.running import PATIENCE, RunningHost, free_port
from tests.end_to_end.shared import new_folder

ONE, TWO = "127.0.0.2", "127.0.0.3"
PASSWORD = "correct horse battery"
RECORDS: Records = {
    "one.example": [["MX", 10, "mx.one.example"]],
    "two.example": [["MX", 10, "mx.two.example"]],
    "mx.one.example": [["A", ONE]],
    "mx.two.example": [["A", TWO]],
    "null.example": [["MX", 0, "."]],
}


def make(name: str, address: str, port: int, dns: int) -> RunningHost:
    """A host for NAME.example with the account ann."""
    settings = f"""
admin = "ann@{name}.example"
[dns]
servers = ["127.0.0.1:{dns}"]
[relay]
port = {port}
bind = "{address}"
allow_loopback = true
[queue]
first_retry = "1 second"
longest_retry = "1 second"
[login]
plaintext_on_loopback = true
"""
    host = RunningHost(
        new_folder(),
        settings,
        address,
        protocols=("submission",),
        ports={"smtp": port},
        hostname=f"mx.{name}.example",
    )
    host.add_accounts(PASSWORD, f"ann@{name}.example")
    return host


class TwoHosts(TestCase):
    """All tests share the hosts. Both run, and their inboxes are empty, when a test begins."""

    hosts: ClassVar[list[RunningHost]] = []

    def setUp(self) -> None:
        if not self.hosts:
            self.start()
        self.one, self.two = self.hosts
        for host, address in ((self.one, "ann@one.example"), (self.two, "ann@two.example")):
            if host.stopped:
                host.start()
            for path in host.inbox(address):
                path.unlink()

    def start(self) -> None:
        """Start a DNS server, and make the hosts."""
        dns = DNSProcess(RECORDS)
        atexit.register(dns.stop)
        port = free_port(ONE, TWO)
        for name, address in (("one", ONE), ("two", TWO)):
            host = make(name, address, port, dns.port)
            atexit.register(shutil.rmtree, host.folder)
            atexit.register(host.stop)
            self.hosts.append(host)

    def send(self, *recipients: str, options: tuple[str, ...] = ()) -> None:
        """ann@one.example sends to these."""
        with smtplib.SMTP(ONE, self.one.ports["submission"], timeout=30) as client:
            client.login("ann@one.example", PASSWORD)
            content = b"From: ann@one.example\r\nSubject: hello\r\n\r\n.dots\r\n..\r\n"
            client.sendmail("ann@one.example", recipients, content, rcpt_options=options)

    def mail(self, host: RunningHost, address: str, count: int = 1) -> list[bytes]:
        """Wait until the inbox has so many messages."""
        done = threading.Event()
        for _ in range(int(PATIENCE * 10)):
            found = host.inbox(address)
            if len(found) >= count:
                return [path.read_bytes() for path in found]
            done.wait(0.1)
        raise AssertionError(f"{address} has {len(found)} of {count}:\n" + "\n".join(host.lines))

    def signers(self, host: RunningHost, stored: bytes) -> set[tuple[str, str]]:
        """The domain and algorithm of each signature, all of which must be right by the records
        that the command shows."""
        keys = json.loads(host.command("dkim", "list", "--json").stdout)
        records = {("TXT", key["name"]): [key["record"].encode()] for key in keys}
        found = results(stored, records, time.time())
        for each in found:
            self.assertIs(each.status, DKIMStatus.PASS, each)
        return {(each.domain, each.algorithm) for each in found}

    def test_mail_reaches_the_mx_host_over_tls(self) -> None:
        self.send("ann@two.example")
        (stored,) = self.mail(self.two, "ann@two.example")
        both = {("one.example", "rsa-sha256"), ("one.example", "ed25519-sha256")}
        self.assertEqual(self.signers(self.one, stored), both)
        self.assertTrue(stored.endswith(b"\r\n\r\n.dots\r\n..\r\n"), stored)
        self.assertIn(b"Return-Path: <ann@one.example>", stored)
        self.assertIn(b"with ESMTPS id", stored)
        self.assertIn(b"from mx.one.example ([127.0.0.2])", stored)

    def test_an_unknown_user_there_and_a_loop_of_aliases_bounce_back_here(self) -> None:
        for host, own, other in ((self.one, "one", "two"), (self.two, "two", "one")):
            alias = (f"round@{own}.example", f"round@{other}.example")
            self.assertEqual(0, host.command("alias", "add", *alias).returncode)
        odd = "nobody+caf_=" + "x" * 80 + "=try..this.@two.example"
        self.send(odd)
        (bounce,) = self.mail(self.one, "ann@one.example")
        self.assertIn(b"Return-Path: <>", bounce)
        both = {("mx.one.example", "rsa-sha256"), ("mx.one.example", "ed25519-sha256")}
        self.assertEqual(self.signers(self.one, bounce), both)
        self.assertIn(f"Final-Recipient: rfc822; {odd}", " ".join(bounce.decode().split()))
        self.assertIn(b"Status: 5.1.1", bounce)
        self.assertIn(b"Action: failed", bounce)
        self.send("round@one.example")
        loop = next(each for each in self.mail(self.one, "ann@one.example", 2) if each != bounce)
        self.assertIn(b"Reporting-MTA: dns; mx.two.example", loop)
        self.assertIn(b"Remote-MTA: dns; mx.one.example", loop)
        self.assertIn(b"Diagnostic-Code: smtp; 554 5.4.6 Mail loop", loop)
        self.assertIn(b"Delivered-To: round@one.example", loop)

    def test_a_null_mx_and_a_missing_domain_bounce(self) -> None:
        since = self.one.mark()
        self.send("x@null.example", "y@missing.example")
        text = b"".join(self.mail(self.one, "ann@one.example"))
        self.one.wait_for("missing.example", since)
        for _ in range(100):
            text = b"".join(self.mail(self.one, "ann@one.example"))
            if b"missing.example" in text and b"null.example" in text:
                break
            threading.Event().wait(0.1)
        self.assertIn(b"5.1.10", text)
        self.assertIn(b"5.1.2", text)

    def test_mail_waits_for_a_host_that_is_down_and_survives_kills(self) -> None:
        self.two.stop()
        since = self.one.mark()
        self.send("ann@two.example")
        self.one.wait_for("delayed <ann@two.example>", since)
        self.one.kill()
        self.one.start()
        self.one.until(lambda: self.waits("ann@two.example"), "it is not in the queue")
        self.two.start()
        self.one.reload()  # it forgets that two could not be reached
        self.one.command("queue", "retry", "--all")
        self.mail(self.two, "ann@two.example")

    def waits(self, address: str) -> bool:
        """True where `queue list` has it; a host that has just started may still read its queue."""
        return address in self.one.command("queue", "list").stdout

    def test_a_report_of_success_where_it_is_asked_for(self) -> None:
        self.send("ann@two.example", options=("NOTIFY=SUCCESS",))
        self.mail(self.two, "ann@two.example")
        (report,) = self.mail(self.one, "ann@one.example")
        self.assertIn(b"Action: delivered", report)
        self.assertIn(b"Reporting-MTA: dns; mx.two.example", report)

"""Two hosts and a DNS server on loopback: mail is carried, bounces come back, the queue keeps."""

from __future__ import annotations

import atexit
import json
import smtplib
import ssl
import sys
import threading
import time
from typing import ClassVar

from twisted.trial.unittest import TestCase

from mailhost.dkim.verify import DKIMStatus
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.mta_sts.own import own_record
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.signing.key_files import KeyFiles
from mailhost.signing.key_work import KeyWork
from mailhost.signing.rules import DomainRules
from tests.authority import Authority, write_pem
from tests.dkim.messages import results
from tests.dmarc_reports.samples import NEW, gzipped
from tests.dns_server import Records
from tests.end_to_end.daily_reports import SENDS_AT_ONCE, dmarc_report, end_the_day
from tests.end_to_end.dns_process import DNSProcess
from tests.end_to_end.running import PATIENCE, RunningHost, free_port, remove_folder
from tests.end_to_end.shared import new_folder

ONE, TWO = "127.0.0.2", "127.0.0.3"
PASSWORD = "correct horse battery"
DOMAIN = "one.internal"
STS = STSPolicy(Mode.ENFORCE, 86_400, ("mx.two.internal",))
POLICY = [["TXT", "v=DMARC1; p=reject; rua=mailto:dmarc@one.internal"]]
RECORDS: Records = {
    "one.internal": [["MX", 10, "mx.one.internal"], ["TXT", f"v=spf1 ip4:{ONE} -all"]],
    "two.internal": [["MX", 10, "mx.two.internal"], ["TXT", f"v=spf1 ip4:{TWO} -all"]],
    "mx.one.internal": [["A", ONE]],
    "mx.two.internal": [["A", TWO]],
    "null.internal": [["MX", 0, "."]],
    "_dmarc.one.internal": POLICY,
    "_dmarc.two.internal": POLICY,
    "_dmarc.strict.internal": POLICY,
    "_dmarc.careful.internal": [["TXT", "v=DMARC1; p=quarantine"]],
    "sts.internal": [["MX", 10, "mx.two.internal"]],
    "mta-sts.sts.internal": [["A", TWO]],
    "_mta-sts.sts.internal": [["TXT", own_record(STS)]],
    "wrong.internal": [["MX", 10, "mx2.two.internal"]],
    "mx2.two.internal": [["A", TWO]],
    "mta-sts.wrong.internal": [["A", TWO]],
    "_mta-sts.wrong.internal": [["TXT", own_record(STS)]],
    "_smtp._tls.one.internal": [["TXT", "v=TLSRPTv1; rua=mailto:tls@one.internal"]],
}
SETTINGS = """
admin = "ann@{0}.internal"
[dmarc]
send_reports = true
reports = {{ "{0}.internal" = "dmarc@{0}.internal" }}
[tls_reports]
addresses = {{ "{0}.internal" = "tls@{0}.internal" }}
[dns]
servers = ["127.0.0.1:{1}"]
[relay]
port = {2}
bind = "{3}"
allow_loopback = true
arc = ["*"]
[relay.tls]
ca_file = "authority.pem"
mta_sts_port = {4}
[mta_sts]
mode = "enforce"
max_age = "1 day"
[relay.domain."safe.internal"]
address = "127.0.0.5"
hello = "out.safe.internal"
[[relay.route]]
to = "safe.internal"
via = "mx.two.internal:{2}"
[[relay.route]]
to = "safe-too.internal"
via = "mx.one.internal:{2}"
[[tls.certificate]]
chain = "tls/chain.pem"
key = "tls/key.pem"
[queue]
first_retry = "1 second"
longest_retry = "1 second"
[login]
plaintext_on_loopback = true
[[filter]]
kind = "authenticity"
listeners = ["smtp"]
"""


def make(name: str, address: str, port: int, https: int) -> RunningHost:
    """A host for NAME.internal with the account ann, without settings."""
    host = RunningHost(
        new_folder(),
        "",
        address,
        protocols=("submission",),
        ports={"smtp": port, "https": https},
        hostname=f"mx.{name}.internal",
    )
    host.add_accounts(PASSWORD, f"ann@{name}.internal")
    return host


def make_keys(host: RunningHost, *domains: str) -> Records:
    """Make DKIM keys of these domains, and return their records."""
    files = KeyFiles(str(host.data), BlockingCommitter(OperatingSystem()).commit)
    rules = DomainRules(("rsa", "ed25519"), 2048, not_in_dns=True)
    made = [pair for each in domains for pair in KeyWork(files).tend(each, rules, {}).pairs]
    return {each.public.name: [["TXT", *parts(each.public.record)]] for each in made}


def parts(record: str) -> list[str]:
    """The strings of a TXT record."""
    return [record[:250], record[250:]] if len(record) > 250 else [record]


class TwoHosts(TestCase):
    """All tests share the hosts. Both run, and their inboxes are empty, when a test begins."""

    hosts: ClassVar[list[RunningHost]] = []

    def setUp(self) -> None:
        if not self.hosts:
            self.start()
        self.one, self.two = self.hosts
        for host, address in ((self.one, "ann@one.internal"), (self.two, "ann@two.internal")):
            if host.stopped:
                host.start()
            for path in host.inbox(address):
                path.unlink()

    def start(self) -> None:
        """Make the hosts with their keys, and start a DNS server."""
        port, https, records = free_port(ONE, TWO), free_port(ONE, TWO), dict(RECORDS)
        for name, address in (("one", ONE), ("two", TWO)):
            host = make(name, address, port, https)
            records |= make_keys(host, f"{name}.internal", host.hostname)
            atexit.register(remove_folder, host.folder)
            atexit.register(host.stop)
            self.hosts.append(host)
        self.hosts[0].add_accounts(PASSWORD, "ann@safe-too.internal")
        self.hosts[1].add_accounts(PASSWORD, "ann@safe.internal", "ann@sts.internal")
        self.hosts[1].add_accounts(PASSWORD, "ann@wrong.internal")
        authority = Authority.new()
        dns = DNSProcess(records)
        atexit.register(dns.stop)
        for host, name in zip(self.hosts, ("one", "two"), strict=True):
            (host.folder / "authority.pem").write_bytes(authority.pem)
            pem = authority.issue(host.hostname, "mta-sts.sts.internal", "mta-sts.wrong.internal")
            write_pem(str(host.folder / "tls"), pem)
            host.write_settings(SETTINGS.format(name, dns.port, port, host.address, https))

    def send(self, *recipients: str, options: tuple[str, ...] = ()) -> None:
        """ann@one.internal sends to these."""
        with smtplib.SMTP(ONE, self.one.ports["submission"], timeout=30) as client:
            client.login("ann@one.internal", PASSWORD)
            content = b"From: ann@one.internal\r\nSubject: hello\r\n\r\n.dots\r\n..\r\n"
            client.sendmail("ann@one.internal", recipients, content, rcpt_options=options)

    def send_as_stranger(self, sender: str, to: str, content: bytes = b"") -> None:
        """A client on no listed network sends to an address of two.internal."""
        usual = f"From: {sender}\r\nSubject: hello\r\n\r\nHello\r\n"
        with smtplib.SMTP(TWO, self.two.ports["smtp"], timeout=30) as client:
            client.sendmail(sender, [to], content or usual)

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
        self.send("ann@two.internal")
        (stored,) = self.mail(self.two, "ann@two.internal")
        both = {("one.internal", "rsa-sha256"), ("one.internal", "ed25519-sha256")}
        self.assertEqual(self.signers(self.one, stored), both)
        self.assertTrue(stored.endswith(b"\r\n\r\n.dots\r\n..\r\n"), stored)
        self.assertIn(b"Return-Path: <ann@one.internal>", stored)
        self.assertIn(b"with ESMTPS id", stored)
        self.assertIn(b"from mx.one.internal ([127.0.0.2])", stored)
        self.assertIn("mx.two.internal", self.one.command("relay", "seen-tls").stdout)

    def test_the_trace_tells_what_happened(self) -> None:
        self.send("ann@one.internal", "ann@two.internal")
        with self.assertRaises(smtplib.SMTPRecipientsRefused):
            self.send_as_stranger("sue@far.internal", "eve@two.internal")
        self.mail(self.one, "ann@one.internal")
        self.mail(self.two, "ann@two.internal")
        self.traced(
            self.one,
            "ann@two.internal",
            "by submission from [127.0.0.1]",
            "delivered to <ann@one.internal>",
            "queued for <ann@two.internal>",
            "relayed for <ann@two.internal>",
            "by mx.two.internal [127.0.0.3]: 250 2.0.0",
        )
        refused = "refused RCPT TO:<eve@two.internal>, sender <sue@far.internal>"
        self.traced(self.two, "eve@two.internal", refused)
        passed = ("delivered", "spf=pass", "by smtp from [127.0.0.2]", "TLSv1.3")
        self.traced(self.two, "ann@one.internal", *passed)

    def traced(self, host: RunningHost, word: str, *texts: str) -> None:
        """Wait until the trace says all of `texts` about the newest message with a word."""

        def found() -> bool:
            told = host.command("trace", word, "--limit", "1").stdout
            return all(text in told for text in texts)

        host.until(found, f"the trace has not all of {texts}")

    def test_an_unknown_user_there_and_a_loop_of_aliases_bounce_back_here(self) -> None:
        for host, own, other in ((self.one, "one", "two"), (self.two, "two", "one")):
            alias = (f"round@{own}.internal", f"round@{other}.internal")
            self.assertEqual(0, host.command("alias", "add", *alias).returncode)
        odd = "nobody+caf_=" + "x" * 80 + "=try..this.@two.internal"
        self.send(odd)
        (bounce,) = self.mail(self.one, "ann@one.internal")
        self.assertIn(b"Return-Path: <>", bounce)
        both = {("mx.one.internal", "rsa-sha256"), ("mx.one.internal", "ed25519-sha256")}
        self.assertEqual(self.signers(self.one, bounce), both)
        self.assertIn(f"Final-Recipient: rfc822; {odd}", " ".join(bounce.decode().split()))
        self.assertIn(b"Status: 5.1.1", bounce)
        self.assertIn(b"Action: failed", bounce)
        self.send("round@one.internal")
        loop = next(each for each in self.mail(self.one, "ann@one.internal", 2) if each != bounce)
        self.assertIn(b"Reporting-MTA: dns; mx.two.internal", loop)
        self.assertIn(b"Remote-MTA: dns; mx.one.internal", loop)
        self.assertIn(b"Diagnostic-Code: smtp; 554 5.4.6 Mail loop", loop)
        self.assertIn(b"Delivered-To: round@one.internal", loop)

    def test_a_null_mx_and_a_missing_domain_bounce(self) -> None:
        since = self.one.mark()
        self.send("x@null.internal", "y@missing.internal")
        text = b"".join(self.mail(self.one, "ann@one.internal"))
        self.one.wait_for("missing.internal", since)
        for _ in range(100):
            text = b"".join(self.mail(self.one, "ann@one.internal"))
            if b"missing.internal" in text and b"null.internal" in text:
                break
            threading.Event().wait(0.1)
        self.assertIn(b"5.1.10", text)
        self.assertIn(b"5.1.2", text)

    def test_mail_waits_for_a_host_that_is_down_and_survives_kills(self) -> None:
        self.two.stop()
        since = self.one.mark()
        self.send("ann@two.internal")
        self.one.wait_for("delayed <ann@two.internal>", since)
        self.one.kill()
        self.one.start()
        self.one.until(lambda: self.waits("ann@two.internal"), "it is not in the queue")
        self.two.start()
        self.one.reload()  # it forgets that two could not be reached
        self.one.command("queue", "retry", "--all")
        self.mail(self.two, "ann@two.internal")

    def waits(self, address: str) -> bool:
        """True where `queue list` has it; a host that has just started may still read its queue."""
        return address in self.one.command("queue", "list").stdout

    def test_the_policy_that_the_other_host_serves_is_obeyed(self) -> None:
        since = self.one.mark()
        self.send("ann@sts.internal")
        self.mail(self.two, "ann@sts.internal")
        self.one.wait_for("the MTA-STS policy of sts.internal is mode enforce, mx mx.two", since)
        line = self.one.wait_for(
            "TLS to sts.internal at mx.two.internal [127.0.0.3]: TLSv1.3", since
        )
        self.assertTrue(
            line.endswith("decided by the MTA-STS policy of sts.internal (mode enforce)")
        )

    def test_a_policy_that_refuses_all_hosts_is_in_the_bounce(self) -> None:
        since, text = self.one.mark(), self.one.config.read_text()
        self.addCleanup(self.one.reload)
        self.addCleanup(self.one.config.write_text, text)
        self.one.config.write_text(text.replace("[queue]", '[queue]\nexpire_after = "1 second"'))
        self.assertIn("reloaded", self.one.reload())
        self.send("ann@wrong.internal")
        (bounce,) = self.mail(self.one, "ann@one.internal")
        by = "the MTA-STS policy of wrong.internal (mode enforce)"
        reason = "the policy does not name the MX host mx2.two.internal"
        said = " ".join(bounce.decode().split())
        for words in ("given up after", f"{by} requires: {reason}", "wrong.internal can correct"):
            self.assertIn(words, said)
        self.one.wait_for(f"no mail is sent, decided by {by}: {reason}", since)

    def test_requiretls_over_two_hops(self) -> None:
        """Routes of the settings name both hosts. The third hop leads to a host that nothing names,
        where the message waits: so it still had REQUIRETLS after the second."""
        self.alias("two@safe.internal", "one@safe-too.internal")
        self.alias("one@safe-too.internal", "ann@safe-too.internal", "ann@two.internal")
        self.send_with_requiretls("two@safe.internal")
        self.mail(self.one, "ann@safe-too.internal")
        reason = "neither DNSSEC nor an MTA-STS policy names mx.two.internal"
        id = self.kept_back(self.one, reason)
        asked = ("--from", "ann@one.internal", "--to", "ann@two.internal", "--tls", "required")
        explained = self.one.command("explain", *asked, "--user", "ann@one.internal").stdout
        self.assertIn(reason, " ".join(explained.split()))
        self.assertEqual(0, self.one.command("queue", "remove", id).returncode)

    def test_requiretls_is_refused_and_bounced(self) -> None:
        """The second hop, by an alias, leads to a host that neither DNSSEC nor a policy names."""
        host, since = self.two, self.two.mark()
        self.alias("away@safe.internal", "ann@one.internal")
        self.send_with_requiretls("ann@safe.internal", "away@safe.internal")
        self.mail(host, "ann@safe.internal")
        reason = "neither DNSSEC nor an MTA-STS policy names mx.one.internal"
        id = self.kept_back(host, reason)
        self.assertIn("451 4.7.5 No mail is sent to mx.one.internal without", self.shown(host, id))
        host.command("queue", "remove", "--bounce", id)
        (bounce,) = self.mail(self.one, "ann@one.internal")
        self.assertIn(b"Content-Type: text/rfc822-headers", bounce)
        self.assertNotIn(b"not for all", bounce)
        host.wait_for(reason, since)

    def send_with_requiretls(self, *recipients: str) -> None:
        """ann@one.internal sends over TLS."""
        with smtplib.SMTP(ONE, self.one.ports["submission"], timeout=30) as client:
            client.ehlo()
            self.assertFalse(client.has_extn("requiretls"))
            client.starttls(context=ssl._create_unverified_context())
            client.login("ann@one.internal", PASSWORD)
            self.assertTrue(client.has_extn("requiretls"))
            content = b"From: ann@one.internal\r\nSubject: secret\r\n\r\nnot for all\r\n"
            client.sendmail("ann@one.internal", recipients, content, mail_options=("REQUIRETLS",))

    def kept_back(self, host: RunningHost, reason: str) -> str:
        """The id of the only entry of a host, which has REQUIRETLS and waits for this reason."""

        def listed() -> list[str]:
            found = json.loads(host.command("queue", "list", "--json").stdout)
            return [each["id"] for each in found]

        host.until(lambda: bool(listed()), "no message waits")
        (id,) = listed()
        host.until(lambda: reason in self.shown(host, id), "the entry has no reason")
        self.assertIn("required by the sender (REQUIRETLS)", self.shown(host, id))
        return id

    def shown(self, host: RunningHost, id: str) -> str:
        """All that a host shows of an entry."""
        return host.command("queue", "show", id).stdout

    def test_a_sender_domain_has_its_own_address_and_name(self) -> None:
        host = self.two
        with smtplib.SMTP(host.address, host.ports["submission"], timeout=30) as client:
            client.starttls(context=ssl._create_unverified_context())
            client.login("ann@safe.internal", PASSWORD)
            content = b"From: ann@safe.internal\r\nSubject: own\r\n\r\nHello\r\n"
            client.sendmail("ann@safe.internal", ["ann@one.internal"], content)
        (stored,) = self.mail(self.one, "ann@one.internal")
        self.assertIn(b"from out.safe.internal ([127.0.0.5])", stored)

    def test_a_report_of_success_where_it_is_asked_for(self) -> None:
        self.send("ann@two.internal", options=("NOTIFY=SUCCESS",))
        self.mail(self.two, "ann@two.internal")
        (report,) = self.mail(self.one, "ann@one.internal")
        self.assertIn(b"Action: delivered", report)
        self.assertIn(b"Reporting-MTA: dns; mx.two.internal", report)

    def test_signed_mail_passes(self) -> None:
        self.send("ann@two.internal")
        (stored,) = self.mail(self.two, "ann@two.internal")
        for result in (b"spf=pass", b"dkim=pass", b"dmarc=pass"):
            self.assertIn(result, stored)
        self.assertEqual(stored.count(b"Authentication-Results: mx.two.internal;"), 1)

    def test_forged_mail_is_refused(self) -> None:
        for sender in ("eve@strict.internal", "ann@two.internal"):
            refused = self.assertRaises(
                smtplib.SMTPDataError, self.send_as_stranger, sender, "ann@two.internal"
            )
            self.assertEqual(refused.smtp_code, 550)
            self.assertIn(b"5.7.26", refused.smtp_error)

    def test_forwarded_mail_is_judged_by_its_signature(self) -> None:
        self.alias("forward@two.internal", "ann@one.internal")
        self.send("forward@two.internal")
        (stored,) = self.mail(self.one, "ann@one.internal")
        self.assertIn(b"Authentication-Results: mx.one.internal;", stored)
        ours = stored[stored.index(b"Authentication-Results: mx.one.internal;") :]
        ours = ours[: ours.index(b"\r\nReceived:")]
        for result in (b"spf=fail", b"dkim=pass", b"dmarc=pass", b"arc=pass"):
            self.assertIn(result, ours)
        self.assertIn(b'reason="sealed by mx.two.internal"', ours)

    def test_junk_by_an_alias(self) -> None:
        self.alias("team@two.internal", "ann@two.internal")
        self.send_as_stranger("eve@careful.internal", "team@two.internal")
        junk = self.two.data / "mail" / "two.internal" / "ann" / ".Junk" / "new"
        self.two.until(lambda: junk.is_dir() and any(junk.iterdir()))
        self.assertEqual(self.two.inbox("ann@two.internal"), [])

    def alias(self, alias: str, *to: str) -> None:
        host = self.one if alias.endswith(("@one.internal", "@safe-too.internal")) else self.two
        self.assertEqual(0, host.command("alias", "add", alias, *to).returncode)

    def test_the_results_are_reported(self) -> None:
        """Over a stop. The host that starts anew sends the report about TLS itself."""
        self.alias("back@two.internal", "ann@one.internal")
        self.send("ann@two.internal", "back@two.internal")
        self.mail(self.two, "ann@two.internal")
        self.mail(self.one, "ann@one.internal")
        self.two.stop()
        since, started = self.one.mark(), self.two.mark()
        self.send_to_one("", dmarc_report(self.two, DOMAIN, POLICY[0][1]))
        end_the_day(self.two, DOMAIN)
        self.two.starter = (sys.executable, "-c", SENDS_AT_ONCE, "-n", "--pidfile=", "mailhost")
        self.two.start()
        other = gzipped(NEW.replace(b"example.org", DOMAIN.encode()))
        self.send_to_one("dmarc@careful.internal", other)
        self.one.wait_for(f"DMARC report of mx.two.internal about {DOMAIN}", since)
        self.one.wait_for(f"DMARC report of Far Mail about {DOMAIN}", since)
        shown = json.loads(
            self.one.command("dmarc", DOMAIN, "--json", "--no-names", "--days", "10000").stdout
        )
        self.assertEqual({"mx.two.internal", "Far Mail"}, set(shown["reporters"]))
        self.assertIn(ONE, [each["address"] for each in shown["sources"]])
        self.one.wait_for(f"TLS report of mx.two.internal (mx.two.internal) about {DOMAIN}", since)
        (tls,) = json.loads(self.one.command("tls-report", DOMAIN, "--json").stdout)
        self.assertEqual(DOMAIN, tls["domain"])
        self.assertGreater(tls["successes"], 0)
        self.two.wait_for("TLS reports: 1 report of ", started)
        self.two.wait_for("decided by the wish of the sender (TLS-Required: No)", started)
        waiting = self.one.data / "dmarc" / "incoming" / "new"
        self.one.until(lambda: not any(waiting.iterdir()), "a report that was read stays there")

    def send_to_one(self, sender: str, report: bytes, to: str = "dmarc@one.internal") -> None:
        """two sends a report to one."""
        with smtplib.SMTP(
            ONE, self.one.ports["smtp"], "mx.two.internal", 30, source_address=(TWO, 0)
        ) as client:
            client.sendmail(sender, [to], report)

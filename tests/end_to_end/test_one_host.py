"""One host, driven by smtplib, poplib and the `mailhost` command."""

from __future__ import annotations

import json
import poplib
import signal
import smtplib
import socket
import ssl
import subprocess
from contextlib import closing
from email.message import EmailMessage

from twisted.trial.unittest import SkipTest, TestCase

from mailhost.durable.log.log import why_no_log
from mailhost.durable.log.reading import read_log
from mailhost.durable.system import OperatingSystem
from tests.end_to_end.metrics_page import MESSAGES, OCTETS, TOTALS, MetricsOf, added, send_all
from tests.end_to_end.running import BIN, RunningHost, short_folder
from tests.end_to_end.shared import MAIL, SharedHost

PASSWORD = "correct horse battery"
ACCOUNTS = ("ann@example.com", "bob@example.net")
SETTINGS = """
admin = "ann@example.com"
[limits]
message_size = "5 MB"
stop_timeout = "10 seconds"
[login]
delay = "0.1 seconds"
[metrics]
endpoint = "tcp:0:interface=127.0.0.1"
"""


def plain(subject: str, sender: str = "sue@elsewhere.example") -> bytes:
    """A message as it goes over the wire."""
    return f"From: {sender}\r\nSubject: {subject}\r\n\r\n.Hello\r\n..\r\n".encode()


class OneHost(SharedHost):
    """Two domains with an account in each, whose inboxes are empty before each test."""

    settings = SETTINGS
    domains = ""
    protocols = ("smtp", "submission", "submissions", "lmtp", "pop3", "pop3s")

    def prepare(self, host: RunningHost) -> None:
        host.add_accounts(PASSWORD, *ACCOUNTS)

    def setUp(self) -> None:
        super().setUp()
        for address in ACCOUNTS:
            for path in self.host.inbox(address):
                path.unlink()

    def run_command(self, *arguments: str, text: str = "") -> str:
        """Run a `mailhost` command that must succeed."""
        done = self.host.command(*arguments, text=text)
        self.assertEqual(0, done.returncode, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def smtp(self, protocol: str = "smtp") -> smtplib.SMTP:
        """A connected client that said EHLO."""
        client = smtplib.SMTP(self.host.address, self.host.ports[protocol], timeout=30)
        self.addCleanup(client.close)
        client.ehlo("client.example")
        return client

    def trusting(self) -> ssl.SSLContext:
        """Trusts the host's own certificate, and checks the name in it."""
        return ssl.create_default_context(cafile=str(self.host.data / "tls" / "chain.pem"))

    def only_mail(self, address: str) -> bytes:
        """The one message in an inbox."""
        (path,) = self.host.inbox(address)
        return path.read_bytes()


class Asking(OneHost):
    """Commands that ask the running host about itself."""

    def test_what_is_explained_is_what_is_done(self) -> None:
        client = self.smtp()
        client.mail("sue@elsewhere.example")
        for recipient in ("ann+x@example.com", "eve@example.com", "sue@elsewhere.example"):
            code, text = client.rcpt(recipient)
            command = ("explain", "--from", "sue@elsewhere.example", "--to", recipient)
            done = self.host.command(*command, "--json")
            self.assertEqual(0 if code == 250 else 1, done.returncode, done.stderr)
            found = json.loads(done.stdout)
            self.assertTrue(found["running"])
            self.assertEqual(f"{code} {text.decode()}", found["session"][-1]["reply"])
        shown = self.host.command(*command, "--user", "ann@example.com").stdout
        self.assertIn("553 5.7.1 You may not send as <sue@elsewhere.example>", shown)

    def test_the_totals_in_the_metrics(self) -> None:
        """They are equal for one process and for two, see `test_workers`."""
        metrics = MetricsOf(self.host)
        before = metrics.counters()
        send_all(self.raw)
        found = added(before, metrics.counters())
        octets = found.pop(OCTETS)
        self.assertEqual(TOTALS, found)
        self.assertLess(MESSAGES * len(MAIL), octets)

    def test_the_status_has_the_sessions_of_all_processes(self) -> None:
        clients = [self.smtp() for _ in range(4)]
        found = json.loads(self.run_command("status", "--json"))
        sessions = {each["protocol"]: each["sessions"] for each in found["listeners"]}
        self.assertGreaterEqual(sessions["smtp"], len(clients))
        self.assertEqual(0, sessions["pop3s"])
        self.assertEqual([], found["silent"])
        self.assertIn("mx.example.org", self.run_command("status").splitlines()[0])

    def is_logged(self) -> bool:
        """Deliver a message. False also where its process has not reached the writer yet."""
        self.smtp().sendmail("sue@elsewhere.example", ["ann@example.com"], plain("logged"))
        segments = (self.host.data / "log").glob("[0-9]*")
        return any(b"Subject: logged" in path.read_bytes() for path in segments)

    def test_a_checkpoint_leaves_nothing_in_the_log(self) -> None:
        data = self.host.data
        if why_no_log(OperatingSystem(), str(data)):
            raise SkipTest("the file system here takes no log")
        self.host.until(self.is_logged, "no message goes to the log")
        self.assertEqual("on", json.loads(self.run_command("status", "--json"))["writer"]["log"])
        self.run_command("checkpoint")
        id = bytes.fromhex((data / "log-id").read_text())
        self.assertEqual((), read_log(OperatingSystem(), str(data / "log"), id).records)


class Receiving(OneHost):
    def test_mail_lands_in_the_maildir_with_its_bytes_untouched(self) -> None:
        content = plain("one")
        self.smtp().sendmail("sue@elsewhere.example", ["ann@example.com"], content)
        stored = self.only_mail("ann@example.com")
        self.assertTrue(stored.endswith(content), stored)
        top = stored[: -len(content)].decode()
        self.assertTrue(top.startswith("Return-Path: <sue@elsewhere.example>\r\n"), top)
        self.assertIn("Delivered-To: ann@example.com\r\n", top)
        self.assertIn("with ESMTP id", top)
        self.assertIn("from client.example ([127.0.0.1])", top)

    def test_several_recipients_in_two_domains(self) -> None:
        self.smtp().sendmail(
            "", ["ann+tag@example.com", "BOB@example.net", "postmaster"], plain("two")
        )
        self.assertEqual(1, len(self.host.inbox("ann@example.com")))
        self.assertEqual(1, len(self.host.inbox("bob@example.net")))

    def test_unknown_users_and_foreign_domains_are_refused(self) -> None:
        client = self.smtp()
        client.mail("sue@elsewhere.example")
        for recipient, reply in (("eve@example.com", b"5.1.1"), ("x@other.example", b"5.7.1")):
            code, text = client.rcpt(recipient)
            self.assertEqual((550, True), (code, text.startswith(reply)), text)

    def test_an_account_made_while_it_runs_gets_mail_at_once(self) -> None:
        client = self.smtp()
        client.mail("sue@elsewhere.example")
        self.assertEqual(550, client.rcpt("new@example.com")[0])
        self.run_command("account", "add", "new@example.com", text=PASSWORD + "\n")
        self.assertEqual(250, client.rcpt("new@example.com")[0])

    def test_lmtp_answers_for_each_recipient(self) -> None:
        with closing(smtplib.LMTP(self.host.address, self.host.ports["lmtp"])) as client:
            client.sendmail("s@e.example", ["ann@example.com", "bob@example.net"], plain("lmtp"))
        self.assertIn(b"with LMTP id", self.only_mail("bob@example.net"))

    def test_what_was_answered_survives_a_kill(self) -> None:
        self.smtp().sendmail("s@e.example", ["ann@example.com"], plain("kept"))
        self.host.kill()
        self.assertIn(b"Subject: kept", self.only_mail("ann@example.com"))
        self.host.start()
        self.smtp().sendmail("s@e.example", ["ann@example.com"], plain("more"))
        self.assertEqual(2, len(self.host.inbox("ann@example.com")))


class SubmittingAndReading(OneHost):
    def log_in(self) -> smtplib.SMTP:
        client = self.smtp("submission")
        client.starttls(context=self.trusting())
        client.login("ann@example.com", PASSWORD)
        return client

    def test_starttls_login_send_and_read_by_pop3(self) -> None:
        message = EmailMessage()
        message["From"] = "Ann <ann@example.com>"
        message["Subject"] = "hello"
        message.set_content("Hi Bob\n.\nAnn")
        self.log_in().send_message(message, "ann@example.com", ["bob@example.net"])
        with closing(
            poplib.POP3_SSL(
                "localhost", self.host.ports["pop3s"], context=self.trusting(), timeout=30
            )
        ) as reader:
            reader.user("bob@example.net")
            reader.pass_(PASSWORD)
            self.assertEqual(1, reader.stat()[0])
            lines = reader.retr(1)[1]
            self.assertEqual([b"Hi Bob", b".", b"Ann"], lines[-3:])
            header = b"\n".join(lines)
            for field in (b"Message-ID: <", b"Date: ", b"with ESMTPSA id", b"(using TLSv1.3"):
                self.assertIn(field, header)
            reader.dele(1)
            reader.quit()
        self.assertEqual([], self.host.inbox("bob@example.net"))

    def test_no_password_in_the_clear(self) -> None:
        client = self.smtp("submission")
        self.assertFalse(client.has_extn("auth"))
        self.assertEqual(538, client.docmd("AUTH", "PLAIN AGFubgB4")[0])
        self.assertEqual(530, client.mail("ann@example.com")[0])

    def test_only_ones_own_addresses(self) -> None:
        client = self.log_in()
        self.assertEqual(553, client.mail("bob@example.net")[0])
        with self.assertRaises(smtplib.SMTPDataError) as refused:
            client.sendmail(
                "ann@example.com", ["bob@example.net"], plain("x", sender="bob@example.net")
            )
        self.assertEqual(554, refused.exception.smtp_code)

    def test_a_wrong_password(self) -> None:
        client = self.smtp("submission")
        client.starttls(context=self.trusting())
        with self.assertRaises(smtplib.SMTPAuthenticationError):
            client.login("ann@example.com", "wrong")

    def test_implicit_tls(self) -> None:
        with closing(
            smtplib.SMTP_SSL(
                "localhost", self.host.ports["submissions"], context=self.trusting(), timeout=30
            )
        ) as client:
            client.login("bob@example.net", PASSWORD)
            client.sendmail(
                "bob@example.net", ["ann@example.com"], plain("s", sender="bob@example.net")
            )
        self.assertIn(b"with ESMTPSA", self.only_mail("ann@example.com"))


class Operating(OneHost):
    def test_the_doctor_finds_the_listeners_and_the_certificate_of_each(self) -> None:
        """Nothing is wrong but the certificate, which no authority has signed. The host's name is
        not in DNS, so that topic is left out."""
        command = [str(BIN / "mailhost"), "doctor", "--json", "--config", str(self.host.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        found = json.loads(done.stdout)["findings"]
        topics = ("Settings", "Listeners", "Certificates", "Data folder", "Directory")
        bad = {each["name"] for each in found if each["topic"] in topics and each["name"]}
        self.assertEqual({"doctor/certificate-self-signed"}, bad, done.stdout)
        [listeners] = [each["seen"] for each in found if each["topic"] == "Listeners"]
        offered = [each["seen"] for each in found if each["tried"].startswith("certificates that")]
        for protocol in self.protocols:
            self.assertIn(f"{protocol} at 127.0.0.1:{self.host.ports[protocol]}", listeners)
            self.assertIn(f"{protocol} at 127.0.0.1:", offered[0])

    def test_sighup_takes_new_settings_and_drops_nobody(self) -> None:
        client = self.smtp()
        self.addCleanup(self.host.reload)
        self.addCleanup(self.host.write_settings, SETTINGS)
        self.host.write_settings(SETTINGS.replace("5 MB", "1 MB"))
        self.assertIn("limits.message_size", self.host.reload())
        self.assertEqual(250, client.noop()[0])
        self.assertEqual("5000000", client.esmtp_features["size"])
        self.assertEqual("1000000", self.smtp().esmtp_features["size"])

    def test_a_reload_with_a_fault_is_refused_whole(self) -> None:
        self.addCleanup(self.host.write_settings, SETTINGS)
        self.host.write_settings(SETTINGS.replace("message_size", "mesage_size"))
        line = self.host.reload()
        self.assertIn("refused", line)
        self.assertIn("limits.mesage_size", line)
        self.assertIn("message_size", line)
        self.assertEqual("5000000", self.smtp().esmtp_features["size"])

    def test_sigterm_lets_a_transaction_end(self) -> None:
        client = self.smtp()
        client.mail("s@e.example")
        client.rcpt("ann@example.com")
        client.docmd("DATA")
        since = self.host.mark()
        self.host.signal(signal.SIGTERM)
        self.host.wait_for("topping", since)
        client.send(plain("last") + b".\r\n")
        self.assertEqual(250, client.getreply()[0])
        self.assertEqual(-signal.SIGTERM, self.host.stop())  # as twistd tells a clean end
        self.assertIn(b"Subject: last", self.only_mail("ann@example.com"))


class Refusing(TestCase):
    """Hosts that do not start."""

    def setUp(self) -> None:
        self.host = RunningHost(short_folder(self), SETTINGS, protocols=("smtp",))

    def test_a_wrong_setting_ends_it_with_its_key(self) -> None:
        self.host.write_settings("hostnam = 3\n" + SETTINGS)
        done = self.host.launch()
        self.assertNotEqual(0, done.returncode)
        self.assertIn("hostnam", done.stderr)
        self.assertNotIn("Traceback", done.stdout + done.stderr)

    def test_a_taken_port_ends_it_with_one_line(self) -> None:
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((self.host.address, self.host.ports["smtp"]))
            other.listen()
            done = self.host.launch()
        self.assertNotEqual(0, done.returncode)
        said = [line for line in done.stdout.splitlines() if "cannot listen on" in line]
        self.assertEqual(1, len(said), done.stdout)
        self.assertIn(f"{self.host.address}:{self.host.ports['smtp']}", said[0])
        self.assertNotIn("Traceback", done.stdout + done.stderr)

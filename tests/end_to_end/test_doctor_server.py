"""The doctor examines a real Postfix and a real Dovecot: right ones, and one fault each."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from twisted.internet import reactor
from twisted.trial.unittest import SkipTest, TestCase

from mailhost.concurrency.threads import threads_of
from mailhost.doctor.checks import run_checks
from mailhost.doctor.context import DoctorContext
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.server.checks import checks_of_server
from mailhost.doctor.server.services import MailProtocol, Service
from mailhost.doctor.server.transcript import Transcript
from mailhost.doctor.targets import TargetOptions
from tests.end_to_end import dovecot_daemon, postfix
from tests.end_to_end.dovecot_daemon import DovecotDaemon
from tests.end_to_end.postfix import Postfix
from tests.end_to_end.running import BIN
from tests.end_to_end.shared import new_folder
from tests.net.tls.handshakes import issue, key_pem, pem
from tests.relay.fake_resolver import FakeResolver

DOMAIN, HOST, ANN, PASSWORD = "example.com", "mail.example.com", "ann@example.com", "correct-horse"
LINK = "https://list.example.org/query?ip=127.0.0.1"
LOGIN: dict[str, object] = {"smtpd_sasl_auth_enable": "yes"}
SERVICES: dict[str, dict[str, object]] = {
    "relay": {"smtpd_sasl_auth_enable": "no"},
    "submission": LOGIN,
    "submissions": {**LOGIN, "smtpd_tls_wrappermode": "yes"},
    "self-signed": {"smtpd_tls_cert_file": "$own_chain", "smtpd_tls_key_file": "$own_key"},
    "without TLS": {"smtpd_tls_security_level": "none"},
    "in clear": {**LOGIN, "smtpd_tls_auth_only": "no"},
    "no AUTH service": {**LOGIN, "smtpd_sasl_type": "dovecot", "smtpd_sasl_path": "nowhere"},
    "greylisting": {"smtpd_recipient_restrictions": "check_client_access static:{450 4.7.1 later}"},
    "blocklist": {
        "smtpd_client_restrictions": "check_client_access static:{"
        f"554 5.7.1 Service unavailable; blocked using list.example.org; see {LINK}" + "}"
    },
}


@dataclass
class Servers:
    """The state that all tests share.

    `roots` has the authority of the certificates that are right.
    """

    postfix: Postfix
    dovecot: DovecotDaemon
    roots: str


class DoctorServerTests(TestCase):
    timeout = 120
    shared: ClassVar[list[Servers]] = []

    def setUp(self) -> None:
        if not (postfix.installed() and postfix.can_log_in() and dovecot_daemon.installed()):
            raise SkipTest("needs root, Postfix with Cyrus SASL, and Dovecot")
        if not self.shared:
            self.start(new_folder())
        [self.servers] = self.shared
        former = os.environ.get("SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = self.servers.roots
        self.addCleanup(_restore, former)
        self.transcripts: list[Transcript] = []

    def start(self, folder: Path) -> None:
        authority = issue("an authority of tests")
        (folder / "roots.pem").write_bytes(pem(authority[0]))
        chain, key = str(folder / "chain.pem"), str(folder / "key.pem")
        certificate, private = issue(HOST, *authority, ca=False)
        Path(chain).write_bytes(pem(certificate))
        Path(key).write_bytes(key_pem(private))
        own_tls = folder / "postfix" / "tls"
        settings = {
            "smtpd_tls_cert_file": chain,
            "smtpd_tls_key_file": key,
            "own_chain": own_tls / "chain.pem",
            "own_key": own_tls / "key.pem",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject_unauth_destination",
            "service_throttle_time": "1s",
        }
        passwords = {"ann": PASSWORD}
        mailer = Postfix(folder / "postfix", [ANN], settings, SERVICES, passwords, DOMAIN)
        dovecot = DovecotDaemon(folder / "dovecot", PASSWORD, (chain, key))
        dovecot.add_message(ANN, b"Subject: secret\r\n\r\nThe content.\r\n")
        self.shared.append(Servers(mailer, dovecot, str(folder / "roots.pem")))
        atexit.register(shutil.rmtree, folder)
        for server in (mailer, dovecot):
            atexit.register(server.stop)
            server.start()

    # --- examining -------------------------------------------------------------------------------

    def smtp(self, name: str, implicit: bool = False, between_servers: bool = False) -> Service:
        """A service of Postfix."""
        return Service(
            self.servers.postfix.ports[name], MailProtocol.SMTP, implicit, between_servers
        )

    async def examine(
        self,
        *services: Service,
        address: str = postfix.ADDRESS,
        password: str = "",
        recipient: str = "",
    ) -> list[Finding]:
        """Return what the doctor finds, with a login where there is a password."""
        loop: Any = reactor
        resolver: Any = FakeResolver(addresses={HOST: [address]})
        context = DoctorContext(loop, threads_of(loop), resolver, None)
        user = ANN if password else ""
        options = TargetOptions(user, password, recipient, on_transcript=self.transcripts.append)
        checks = checks_of_server(context, HOST, None, options, services)
        [result] = await run_checks(checks, loop, lambda _: None)
        return list(result.findings)

    def assert_faults(self, findings: Sequence[Finding], *names: str) -> Finding:
        """Assert which faults there are, and return the finding about the first."""
        faults = [finding for finding in findings if finding.verdict is not Verdict.OK]
        self.assertEqual([f"doctor/{name}" for name in names], [each.name for each in faults])
        return faults[0] if faults else findings[0]

    # --- Postfix ---------------------------------------------------------------------------------

    async def test_a_postfix_that_is_right(self) -> None:
        findings = await self.examine(
            self.smtp("relay", between_servers=True),
            self.smtp("submission"),
            self.smtp("submissions", implicit=True),
            password=PASSWORD,
            recipient=ANN,
        )
        self.assert_faults(findings)
        self.assertIn("accepted", [finding.seen for finding in findings])
        self.assertIn("accepted, nothing was sent: 250 2.1.5 Ok", [each.seen for each in findings])
        self.assertEqual([], self.servers.postfix.inbox("ann"))

    async def test_one_fault_each(self) -> None:
        for name, fault, recipient in (
            ("self-signed", "server-certificate-self-signed", ""),
            ("without TLS", "starttls-missing", ""),
            ("in clear", "password-without-tls", ""),
            ("no AUTH service", "connection-lost", ""),
            ("greylisting", "greylisted", ANN),
            ("blocklist", "blocklisted", ANN),
        ):
            findings = await self.examine(self.smtp(name), recipient=recipient)
            finding = self.assert_faults(findings, fault)
        self.assertEqual((LINK,), finding.copy)

    async def test_a_wrong_password(self) -> None:
        findings = await self.examine(self.smtp("submission"), password="wrong")
        self.assert_faults(findings, "login-refused")

    async def test_starttls_where_tls_is_expected(self) -> None:
        findings = await self.examine(self.smtp("submission", implicit=True))
        self.assert_faults(findings, "tls-mode-wrong")

    def test_the_command_with_its_transcript(self) -> None:
        file = Path(self.servers.roots).with_name("password")
        file.write_text(f"{PASSWORD}\n")
        port = self.servers.postfix.ports["submission"]
        options = ["--user", ANN, "--password-file", str(file), "--to", ANN, "--transcript"]
        command = [str(BIN / "mailhost"), "doctor", f"{postfix.ADDRESS}:{port}", *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        for words in (
            "S: 220 postfix.example.org",
            "C: AUTH PLAIN (hidden)",
            "S: 235 2.7.0",
            "C: QUIT",
        ):
            self.assertIn(words, done.stdout)
        self.assertNotIn(PASSWORD, done.stdout + done.stderr)
        self.assertNotIn("\x1b", done.stdout)
        report = done.stdout.partition("\n\n")[0].splitlines()
        self.assertLessEqual(max(map(len, report)), 80)

    # --- Dovecot ---------------------------------------------------------------------------------

    async def examine_dovecot(self, password: str) -> list[Finding]:
        ports = self.servers.dovecot.ports
        return await self.examine(
            Service(ports["imaps"], MailProtocol.IMAP, implicit_tls=True),
            Service(ports["imap"], MailProtocol.IMAP),
            address=dovecot_daemon.ADDRESS,
            password=password,
        )

    async def test_a_dovecot_that_is_right(self) -> None:
        findings = await self.examine_dovecot(PASSWORD)
        self.assert_faults(findings)
        self.assertEqual("one of 1 messages was read, of 33 octets", findings[-1].seen)
        said = "\n".join(line.text for each in self.transcripts for line in each.lines)
        self.assertIn("EXAMINE INBOX", said)
        for secret in (PASSWORD, "Subject", "The content"):
            self.assertNotIn(secret, said)

    async def test_a_wrong_password_at_dovecot(self) -> None:
        self.assert_faults(await self.examine_dovecot("wrong"), "login-refused")

    async def test_dovecot_where_smtp_is_expected(self) -> None:
        service = Service(self.servers.dovecot.ports["imaps"], MailProtocol.SMTP, implicit_tls=True)
        findings = await self.examine(service, address=dovecot_daemon.ADDRESS)
        self.assert_faults(findings, "wrong-service")


def _restore(former: str | None) -> None:
    if former is None:
        del os.environ["SSL_CERT_FILE"]
    else:
        os.environ["SSL_CERT_FILE"] = former

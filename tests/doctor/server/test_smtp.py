"""SMTP servers: those that are right, and those that are wrong in one way each."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cryptography.x509 import UnrecognizedExtension
from cryptography.x509.oid import ExtensionOID

from mailhost.doctor.finding import Verdict
from mailhost.doctor.server.certificates import may_log_in
from mailhost.doctor.server.dialogue import Asked
from mailhost.doctor.server.findings import greeting
from mailhost.doctor.server.findings.of_server import findings_of_server
from mailhost.doctor.server.probe import probe
from mailhost.doctor.server.services import Place
from mailhost.doctor.server.survey import Surveyed, Wanted, examine_port
from tests.doctor.server.scripted_server import (
    HASTY,
    HOST,
    LOST,
    OFFERS,
    RESET,
    SILENT,
    Script,
    ServerCase,
    implicit,
)
from tests.net.tls.handshakes import issue


class RightServers(ServerCase):
    async def test_each_way_of_tls(self) -> None:
        relay = self.service(self.smtp(), between_servers=True)
        findings = await self.examine(
            relay, self.service(implicit(self.smtp())), self.service(self.smtp())
        )
        self.assert_faults(findings)
        self.assertIn("220 mx.example ESMTP; STARTTLS", findings[0].seen)
        self.assertRegex(findings[1].seen, r"^TLSv1\.3, TLS_\w+, certificate for mx\.example by an")

    async def test_a_login_and_a_recipient(self) -> None:
        self.asked = Asked("ann@us.example", "secret", "ann@us.example", "bob@mx.example")
        script = self.smtp()
        findings = await self.examine(self.service(script))
        self.assert_faults(findings)
        self.assertEqual(
            ["accepted", "accepted, nothing was sent: 250 2.1.5 OK"],
            [finding.seen for finding in findings[-2:]],
        )
        self.assertNotIn("DATA", script.heard)
        self.assertEqual(["RSET", "QUIT"], script.heard[-2:])

    async def test_a_recipient_is_tried_at_the_port_between_servers(self) -> None:
        self.asked = Asked(recipient="bob@mx.example")
        relay, submission = self.smtp(), self.smtp()
        services = self.service(submission), self.service(relay, between_servers=True)
        self.assert_faults(await self.examine(*services))
        self.assertIn("MAIL FROM:<>", relay.heard)
        self.assertNotIn("MAIL FROM:<>", submission.heard)

    async def test_ports_that_are_not_used(self) -> None:
        closed = replace(self.service(self.smtp()), port=await self.closed_port())
        findings = await self.examine(self.service(self.smtp()), closed)
        self.assert_faults(findings)
        self.assertIn("closed, no server listens there", [each.seen for each in findings])

    async def test_a_port_that_is_none_of_those_of_mail(self) -> None:
        for script in (self.smtp(), implicit(self.smtp())):
            findings = await self.examine(port=self.listen(script))
            self.assert_faults(findings)


class Misbehaviours(ServerCase):
    async def fault(self, script: Script, name: str) -> str:
        """The server has this fault and no other; return what was seen of it."""
        finding = self.assert_faults(await self.examine(self.service(script)), name)
        return finding.seen

    async def test_a_certificate_that_cannot_be_read(self) -> None:
        names = UnrecognizedExtension(
            ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x04\x82\x02\xff\xff"
        )
        far = self.smtp()
        far.tls = issue(HOST, ca=False, names=names)
        seen = await self.fault(far, "tls-handshake-failed")
        self.assertIn("its certificate cannot be read: error parsing asn1 value", seen)

    async def test_starttls_hidden_by_x(self) -> None:
        offers = "250-mx.example\r\n250-PIPELINING\r\n250 XXXXXXXA"
        await self.fault(self.smtp(EHLO=offers), "starttls-hidden")

    async def test_starttls_hidden_by_asterisks(self) -> None:
        script = self.smtp(EHLO="500 5.5.1 what?", HELO="250 mx.example")
        script.greeting = "220 ****************0*2****"
        await self.fault(script, "starttls-hidden")

    async def test_no_starttls(self) -> None:
        script = self.smtp(EHLO="250-mx.example\r\n250 SIZE 1000")
        await self.fault(script, "starttls-missing")

    async def test_starttls_refused(self) -> None:
        script = replace(self.smtp(STARTTLS="454 4.7.0 TLS not available"), tls=None)
        self.assertIn("454 4.7.0 TLS", await self.fault(script, "tls-handshake-failed"))

    async def test_a_handshake_that_fails(self) -> None:
        script = replace(self.smtp(), tls=None)
        await self.fault(script, "tls-handshake-failed")

    async def test_a_delay(self) -> None:
        self.patch(greeting, "LATE", 0.2)
        script = replace(self.smtp(), delay=0.3)
        self.assertIn("it came after", await self.fault(script, "greeting-delayed"))

    async def test_busy_at_the_greeting(self) -> None:
        script = replace(self.smtp(), greeting="421 4.3.2 too many connections")
        self.assertIn("421 4.3.2 too many", await self.fault(script, "server-busy"))

    async def test_a_refusal_at_the_greeting(self) -> None:
        script = replace(self.smtp(), greeting="554 5.7.1 go away")
        await self.fault(script, "server-refuses-client")

    async def test_a_blocklist_with_its_link(self) -> None:
        link = "https://list.example.org/query/ip/192.0.2.1"
        text = f"554 5.7.1 Service unavailable; blocked using zen.example.org; see {link}."
        script = replace(self.smtp(), greeting=text)
        findings = await self.examine(self.service(script))
        finding = self.assert_faults(findings, "blocklisted")
        self.assertEqual((link,), finding.copy)

    async def test_other_protocols(self) -> None:
        for first_line, text in (
            ("HTTP/1.1 400 Bad Request", "a web server (HTTP)"),
            ("SSH-2.0-OpenSSH_9.2", "no SMTP server: no SMTP reply: b'SSH-2.0"),
        ):
            script = replace(self.smtp(), greeting=first_line)
            self.assertIn(text, await self.fault(script, "wrong-service"))

    async def test_a_web_server_that_waits_for_the_client(self) -> None:
        self.limits = HASTY
        script = Script(SILENT, {"HELP": "HTTP/1.1 400 Bad Request"})
        self.assertIn("a web server (HTTP)", await self.fault(script, "wrong-service"))

    async def test_pop3_where_smtp_is_expected(self) -> None:
        script = Script("+OK ready", {"CAPA": "+OK\r\nUSER\r\n.", "QUIT": "+OK"})
        seen = await self.fault(script, "wrong-service")
        self.assertEqual("the server uses POP3 instead of SMTP", seen)

    async def test_tls_where_plain_text_is_expected(self) -> None:
        self.limits = HASTY
        service = replace(self.service(implicit(self.smtp())), implicit_tls=False)
        finding = self.assert_faults(await self.examine(service), "tls-mode-wrong")
        self.assertIn("begins with TLS", finding.seen)
        self.assertIn('Thunderbird: "Connection security: SSL/TLS"', finding.copy)

    async def test_plain_text_where_tls_is_expected(self) -> None:
        service = replace(self.service(self.smtp()), implicit_tls=True)
        finding = self.assert_faults(await self.examine(service), "tls-mode-wrong")
        self.assertIn('Thunderbird: "Connection security: STARTTLS"', finding.copy)

    async def test_silence(self) -> None:
        self.limits = HASTY
        await self.fault(replace(self.smtp(), greeting=SILENT), "server-stalled")
        await self.fault(self.smtp(EHLO=SILENT), "server-stalled")

    async def test_ends_of_the_connection(self) -> None:
        for script, text in (
            (replace(self.smtp(), greeting=LOST), "closed before a greeting"),
            (replace(self.smtp(), greeting=RESET), "reset before a greeting"),
            (self.smtp(EHLO=LOST), "closed after the greeting"),
        ):
            self.assertIn(text, await self.fault(script, "connection-lost"))

    async def test_auth_without_tls(self) -> None:
        seen = await self.fault(self.smtp(EHLO=OFFERS), "password-without-tls")
        self.assertIn("PLAIN, LOGIN", seen)

    async def test_a_server_without_end(self) -> None:
        script = replace(self.smtp(), greeting="220-" + "x" * 100_000)
        await self.fault(script, "wrong-service")


class Certificates(ServerCase):
    async def fault(self, name: str, between_servers: bool = False) -> Verdict:
        """The server has this fault and no other; return its verdict."""
        service = self.service(self.smtp(), between_servers=between_servers)
        return self.assert_faults(await self.examine(service), name).verdict

    async def test_self_signed(self) -> None:
        self.own = issue(HOST)
        self.assertIs(Verdict.FAILURE, await self.fault("server-certificate-self-signed"))
        verdict = await self.fault("server-certificate-self-signed", between_servers=True)
        self.assertIs(Verdict.WARNING, verdict)

    async def test_an_unknown_authority(self) -> None:
        self.own = issue(HOST, *issue("another authority"), ca=False)
        await self.fault("server-certificate-untrusted")

    async def test_old_versions(self) -> None:
        script = replace(self.smtp(), old=True)
        finding = self.assert_faults(await self.examine(self.service(script)), "tls-old")
        self.assertEqual("the newest version is TLSv1.1", finding.seen)

    async def test_another_name(self) -> None:
        self.own = self.certificate("other.example")
        await self.fault("server-certificate-name")

    async def test_expired(self) -> None:
        self.own = self.certificate(HOST, ends=-timedelta(days=1))
        await self.fault("server-certificate-expired")

    async def test_about_to_expire(self) -> None:
        self.own = self.certificate(HOST, ends=timedelta(days=2))
        self.assertIs(Verdict.WARNING, await self.fault("server-certificate-ending"))

    async def test_one_fault_at_several_ports_is_one_finding(self) -> None:
        self.own = self.certificate("other.example")
        services = [self.service(self.smtp()), self.service(implicit(self.smtp()))]
        finding = self.assert_faults(await self.examine(*services), "server-certificate-name")
        ports = ", ".join(str(port) for port in sorted(service.port for service in services))
        self.assertEqual(f"TLS at 127.0.0.1 ports {ports}", finding.tried)


class Logins(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked = Asked("ann", "secret")

    async def fault(self, script: Script, name: str) -> str:
        finding = self.assert_faults(await self.examine(self.service(script)), name)
        return finding.seen

    async def test_a_wrong_password(self) -> None:
        script = self.smtp(AUTH="535 5.7.8 wrong: secret")
        seen = await self.fault(script, "login-refused")
        self.assertEqual("refused: 535 5.7.8 wrong: (hidden)", seen)

    async def test_one_attempt_however_many_ports(self) -> None:
        fars = [self.smtp(AUTH="535 5.7.8 wrong") for _ in range(3)]
        await self.examine(*map(self.service, fars))
        heard = [line for script in fars for line in script.heard if line.startswith("AUTH")]
        self.assertEqual(1, len(heard))

    async def test_auth_that_is_broken(self) -> None:
        self.limits = HASTY
        for reply in (
            "454 4.7.0 no database",
            "503 5.5.1 AUTH not enabled",
            "334 !!!",
            LOST,
            SILENT,
        ):
            await self.fault(self.smtp(AUTH=reply), "login-broken")

    async def test_no_auth(self) -> None:
        script = self.smtp(**{"EHLO over TLS": "250 mx.example"})
        await self.fault(script, "login-not-offered")

    async def test_no_mechanism_that_is_known(self) -> None:
        script = self.smtp(**{"EHLO over TLS": "250-mx.example\r\n250 AUTH GSSAPI"})
        self.assertIn("GSSAPI", await self.fault(script, "login-not-offered"))

    async def test_no_password_without_verified_tls(self) -> None:
        self.patch(Place, "on_loopback", False)
        self.own = issue(HOST)
        script = self.smtp()
        service = self.service(script)
        names = "server-certificate-self-signed", "login-not-tried"
        self.assert_faults(await self.examine(service), *names)
        self.assertFalse([line for line in script.heard if line.startswith("AUTH")])
        self.asked = replace(self.asked, insecure=True)
        self.assert_faults(await self.examine(service), names[0])
        self.assertTrue([line for line in script.heard if line.startswith("AUTH")])

    async def test_the_transcript_has_no_password(self) -> None:
        for mechanisms in ("PLAIN", "LOGIN"):
            script = self.smtp(
                **{
                    "EHLO over TLS": f"250-mx.example\r\n250 AUTH {mechanisms}",
                    "AUTH LOGIN": "334 VXNlcm5hbWU6",
                    "YW5u": "334 UGFzc3dvcmQ6",
                    "c2VjcmV0": "235 2.7.0 hello secret",
                }
            )
            self.assert_faults(await self.examine(self.service(script)))
            said = "\n".join(line.text for each in self.transcripts for line in each.lines)
            for secret in ("secret", "c2VjcmV0", "AGFubgBzZWNyZXQ=", "YW5u"):
                self.assertNotIn(secret, said)
            self.assertIn(f"AUTH {mechanisms}", said)


class Recipients(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.asked = Asked(recipient="bob@mx.example")

    async def fault(self, name: str, **replies: str) -> str:
        service = self.service(self.smtp(**replies), between_servers=True)
        return self.assert_faults(await self.examine(service), name).seen

    async def test_greylisting(self) -> None:
        for reply in (
            "450 4.7.1 Greylisted",
            "451 4.7.1 try later",
            "450 4.2.0 Greylisting in action",
        ):
            await self.fault("greylisted", RCPT=reply)

    async def test_a_blocklist(self) -> None:
        text = "554 5.7.1 Client host [192.0.2.1] blocked using bl.example (https://bl.example/x)"
        await self.fault("blocklisted", RCPT=text)

    async def test_refusals(self) -> None:
        await self.fault("recipient-refused", RCPT="550 5.1.1 no such user")
        await self.fault("recipient-refused", MAIL="550 5.7.1 not you")
        await self.fault("recipient-deferred", RCPT="452 4.2.2 full")
        await self.fault("recipient-not-tried", RCPT=LOST)


class OtherPorts(ServerCase):
    async def test_the_port_that_works_and_what_to_change(self) -> None:
        works = self.service(implicit(self.smtp()))
        closed = replace(self.service(self.smtp()), port=await self.closed_port())
        findings = await self.examine(closed, works, port=closed.port)
        finding = self.assert_faults(findings, "port-closed")
        self.assertEqual(
            f"Port {works.port} with SSL/TLS works. In the mail program set:", finding.remedy
        )
        self.assertIn(f"{HOST}, port {works.port}, SSL/TLS", finding.copy[0])

    async def test_no_port_works(self) -> None:
        service = self.service(self.smtp())
        closed = [replace(service, port=await self.closed_port()) for _ in range(3)]
        findings = await self.examine(*closed, port=closed[0].port)
        self.assert_faults(findings, "server-refuses")

    async def test_the_other_ports_are_left_alone_where_the_named_one_works(self) -> None:
        other = self.smtp()
        named = self.service(self.smtp())
        self.assert_faults(await self.examine(named, self.service(other), port=named.port))
        self.assertEqual([], other.heard)

    async def test_the_server_listens_at_one_of_the_addresses_of_localhost(self) -> None:
        service = self.service(self.smtp())
        findings = await self.examine(service, addresses=("127.0.0.1", "127.0.0.9"))
        self.assert_faults(findings)


class SecondConnections(ServerCase):
    async def test_the_password_is_kept_back_where_tls_vanished_since_the_first(self) -> None:
        self.patch(Place, "on_loopback", False)
        self.asked = Asked("ann", "secret")
        script = self.smtp()
        service = self.service(script)
        means = self.means()
        record = await examine_port(means, Place(HOST, "127.0.0.1", service))
        self.assertTrue(may_log_in(record, False, means.now))
        script.replies = {**script.replies, "EHLO": "250-mx.example\r\n250 AUTH PLAIN"}
        used = await probe(means, record.place, self.asked)
        await self.settle()
        self.assertTrue(used.withheld)
        self.assertIsNone(used.login)
        self.assertEqual([], [line for line in script.heard if line.startswith("AUTH")])
        surveyed = Surveyed(Wanted(HOST, None, self.asked), means.now, [record], used=[used])
        self.assert_faults(findings_of_server(surveyed), "login-not-tried")

"""Findings drawn from records that were not made by a probe."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import SynchronousTestCase

from mailhost.doctor.checks import Check, CheckResult
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.report import report_text
from mailhost.doctor.server.dialogue import Asked
from mailhost.doctor.server.findings.of_server import findings_of_server
from mailhost.doctor.server.findings.refusals import is_blocklist, link_in
from mailhost.doctor.server.plan import login_record, next_service, service_at, uses
from mailhost.doctor.server.record import (
    Answer,
    Kind,
    Offered,
    Record,
    SeenCertificate,
    SeenTLS,
    Step,
    Trouble,
)
from mailhost.doctor.server.services import MailProtocol, Place
from mailhost.doctor.server.survey import Surveyed, Wanted
from mailhost.interfaces.dns import Found, Reply, TLSARecord
from tests.authority import Authority

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOST, ADDRESS = "mx.example", "192.0.2.1"
CERTIFICATE = SeenCertificate(
    HOST,
    "An Authority",
    (HOST,),
    NOW - timedelta(days=30),
    NOW + timedelta(days=60),
    frozenset(),
    2,
)
TLS = SeenTLS("TLSv1.3", "TLS_AES_256_GCM_SHA384", CERTIFICATE)
PLAIN = Offered(("PIPELINING", "STARTTLS"), True, ())
SECURED = Offered(("PIPELINING", "AUTH PLAIN"), False, ("PLAIN",))


def place(port: int, address: str = ADDRESS, host: str = HOST) -> Place:
    return Place(host, address, service_at(port))


def good(port: int, address: str = ADDRESS, host: str = HOST) -> Record:
    """Return the record of a server without a fault."""
    where = place(port, address, host)
    in_clear = None if where.service.implicit_tls else PLAIN
    return Record(
        where, Step.END, None, b"220 mx", "220 mx.example ESMTP", 0.1, in_clear, SECURED, TLS
    )


def failed(port: int, kind: Kind, step: Step = Step.CONNECT, address: str = ADDRESS) -> Record:
    """Return the record of a port that fails."""
    return Record(place(port, address), step, Trouble(step, kind))


def findings(*records: Record, port: int | None = None, others: int = 0) -> list[Finding]:
    """The findings about these records; the last `others` were tried since the first failed."""
    split = len(records) - others
    surveyed = Surveyed(Wanted(HOST, port), NOW, records[:split], records[split:])
    return list(findings_of_server(surveyed))


def faults(found: list[Finding]) -> list[str]:
    return [each.name.removeprefix("doctor/") for each in found if each.fault is not None]


class ReachingTests(SynchronousTestCase):
    def test_a_right_server(self) -> None:
        records = [good(25), good(587), failed(465, Kind.REFUSED), failed(2525, Kind.TIMED_OUT)]
        found = findings(*records)
        self.assertEqual({Verdict.OK}, {each.verdict for each in found})

    def test_port_25_closed_by_the_provider(self) -> None:
        found = findings(failed(25, Kind.TIMED_OUT), good(465), good(587))
        self.assertEqual(["port-25-blocked"], faults(found))
        self.assertIs(Verdict.WARNING, found[-1].verdict)
        found = findings(failed(25, Kind.TIMED_OUT), good(465), port=25, others=1)
        self.assertEqual(["port-25-blocked"], faults(found))
        self.assertIs(Verdict.FAILURE, found[-1].verdict)

    def test_a_server_for_reading_alone_has_no_port_25(self) -> None:
        self.assertEqual([], faults(findings(failed(25, Kind.TIMED_OUT), good(993))))

    def test_a_port_that_a_firewall_closes(self) -> None:
        found = findings(failed(587, Kind.TIMED_OUT), good(465), port=587, others=1)
        self.assertEqual(["port-silent"], faults(found))
        self.assertIn("Port 465 with SSL/TLS works", found[0].remedy)

    def test_a_port_without_tls_where_another_has_it(self) -> None:
        record = good(587)
        record.in_clear, record.secured, record.tls = replace(PLAIN, starttls=False), None, None
        [_, finding] = findings(record, good(465), port=587, others=1)
        self.assertEqual("doctor/starttls-missing", finding.name)
        self.assertIn("Port 465 with SSL/TLS works", finding.remedy)

    def test_no_route(self) -> None:
        self.assertEqual(["server-unreachable"], faults(findings(failed(25, Kind.UNREACHABLE))))

    def test_an_address_without_route_beside_one_that_works(self) -> None:
        six = failed(25, Kind.UNREACHABLE, address="2001:db8::1")
        self.assertEqual([], faults(findings(good(25), six)))

    def test_an_address_that_is_dead(self) -> None:
        six = failed(25, Kind.TIMED_OUT, address="2001:db8::1")
        found = findings(good(25), six)
        self.assertEqual(["server-address-dead"], faults(found))

    def test_addresses_with_the_same_ports_stand_together(self) -> None:
        found = findings(good(25), good(25, "192.0.2.2"))
        self.assertEqual("192.0.2.1, 192.0.2.2 port 25", found[0].tried)


class EncryptionTests(SynchronousTestCase):
    def certificate(self, port: int = 587, **values: object) -> list[str]:
        certificate = replace(CERTIFICATE, **values)  # type: ignore[arg-type]
        record = good(port)
        record.tls = replace(TLS, certificate=certificate)
        return faults(findings(record))

    def test_a_long_list_of_logins_is_cut(self) -> None:
        record = good(587)
        mechanisms = tuple(f"X{number}" for number in range(10_000))
        record.in_clear = record.secured = replace(PLAIN, mechanisms=("PLAIN", *mechanisms))
        for finding in findings(record):
            self.assertLess(len(finding.seen), 500)

    def test_certificates(self) -> None:
        self.assertEqual([], self.certificate())
        for name, values in (
            ("server-certificate-self-signed", {"problems": frozenset({18})}),
            ("server-certificate-untrusted", {"problems": frozenset({20, 21})}),
            ("server-certificate-untrusted", {"problems": frozenset({20}), "chain_length": 1}),
            ("server-certificate-name", {"names": ("other.example", "*.mx.example")}),
            ("server-certificate-expired", {"ends": NOW}),
            ("server-certificate-expired", {"begins": NOW + timedelta(hours=1)}),
            ("server-certificate-ending", {"ends": NOW + timedelta(days=3)}),
        ):
            self.assertEqual([name], self.certificate(**values), values)
            self.assertEqual([name], self.certificate(25, **values), values)

    def test_names(self) -> None:
        for names in (("*.example",), ("MX.example".lower(),), ("other.example", HOST)):
            self.assertEqual([], self.certificate(names=names))

    def test_a_host_that_is_named_by_its_address(self) -> None:
        record = good(587, host=ADDRESS)
        self.assertEqual([], faults(findings(record)))

    def test_no_authorities_on_this_machine(self) -> None:
        record = good(587)
        record.tls = replace(TLS, judged=False)
        found = findings(record)
        self.assertEqual(["authorities-missing"], faults(found))
        self.assertIs(Verdict.UNKNOWN, found[-1].verdict)

    def test_auth_in_clear(self) -> None:
        record = good(587)
        record.in_clear = replace(PLAIN, mechanisms=("LOGIN",))
        [finding] = [each for each in findings(record) if each.fault]
        self.assertIs(Verdict.WARNING, finding.verdict)
        self.assertEqual("doctor/password-without-tls", finding.name)
        record.in_clear = replace(PLAIN, mechanisms=("SCRAM-SHA-256",))
        self.assertEqual([], faults(findings(record)))


class SecretTests(SynchronousTestCase):
    def test_a_link_that_has_the_password(self) -> None:
        used = good(587)
        used.login = Answer(True, "")
        words = "550 blocked, see https://list.example/?user=ann&why=secret"
        used.recipient = Answer(False, words, code=550)
        asked = Asked("ann", "secret", "", "bob@mx.example")
        found = findings_of_server(
            Surveyed(Wanted(HOST, None, asked), NOW, [good(587)], [], [used])
        )
        self.assertIn(
            ("https://list.example/?user=ann&why=(hidden)",), [each.copy for each in found]
        )
        self.assertNotIn("secret", str(found))


class PolicyTests(SynchronousTestCase):
    """What a server offers to hosts that demand TLS."""

    def setUp(self) -> None:
        pem = Authority.new().issue(HOST)
        certificate = x509.load_pem_x509_certificate(pem.chain)
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.key = certificate.public_key().public_bytes(*form)
        self.chain = (certificate.public_bytes(Encoding.DER),)

    def found(self, *records: TLSARecord, secure: bool = True) -> list[Finding]:
        """What is found at port 25 if the server has these TLSA records."""
        record = good(25)
        record.tls = replace(TLS, certificate=replace(CERTIFICATE, chain=self.chain))
        record.secured = Offered(("PIPELINING", "requiretls"), False, ())
        tlsa: Reply[TLSARecord] = Reply(Found.RECORDS, records, secure)
        surveyed = Surveyed(Wanted(HOST, 25), NOW, [record], tlsa=tlsa)
        found = [each for each in findings_of_server(surveyed) if "port 25" in each.tried]
        return [each for each in found if each.tried.startswith(("TLSA", "REQUIRETLS"))]

    def test_requiretls(self) -> None:
        (found,) = self.found()
        self.assertEqual(("REQUIRETLS at 192.0.2.1 port 25", "offered"), (found.tried, found.seen))

    def test_a_certificate_that_fits(self) -> None:
        record = TLSARecord(3, 1, 1, sha256(self.key).digest())
        for records in ([record], [TLSARecord(3, 1, 1, bytes(32)), record]):
            found = self.found(*records)[1]
            self.assertIs(Verdict.OK, found.verdict)
            self.assertIn("the certificate fits 3 1 1 ", found.seen)

    def test_a_certificate_that_does_not_fit(self) -> None:
        other = TLSARecord(3, 1, 1, bytes(32))
        for secure, verdict in ((True, Verdict.FAILURE), (False, Verdict.WARNING)):
            found = self.found(other, secure=secure)[1]
            self.assertEqual(("doctor/tlsa-mismatch", verdict), (found.name, found.verdict))

    def test_records_that_no_host_uses(self) -> None:
        self.assertEqual(1, len(self.found(TLSARecord(1, 1, 1, bytes(32)))))


class PlanTests(SynchronousTestCase):
    asked = Asked("ann", "secret", "", "bob@mx.example")

    def test_the_best_place_to_log_in(self) -> None:
        records = [good(25), good(587), good(465), good(143), good(993)]
        best = [
            login_record(records, protocol, self.asked, NOW)
            for protocol in (MailProtocol.SMTP, MailProtocol.IMAP)
        ]
        self.assertEqual([465, 993], [each.place.port for each in best if each])

    def test_a_safe_place_to_log_in_before_one_that_is_not(self) -> None:
        unsafe = good(465)
        unsafe.tls = replace(TLS, certificate=replace(CERTIFICATE, problems=frozenset({18})))
        [(where, _)] = uses([unsafe, good(587)], self.asked, NOW)
        self.assertEqual(587, where.port)

    def test_no_login_without_a_verified_certificate(self) -> None:
        record = good(465)
        record.tls = replace(TLS, certificate=replace(CERTIFICATE, names=("other.example",)))
        for host, insecure, count in ((HOST, False, 0), (HOST, True, 1), (ADDRESS, False, 0)):
            moved = replace(record, place=place(465, host=host))
            self.assertEqual(count, len(uses([moved], replace(self.asked, insecure=insecure), NOW)))

    def test_a_recipient_is_named_once(self) -> None:
        planned = uses([good(465), good(993)], self.asked, NOW)
        self.assertEqual(["bob@mx.example", ""], [asked.recipient for _, asked in planned])

    def test_a_recipient_without_a_login_where_none_is_offered(self) -> None:
        record = good(25)
        record.secured = replace(SECURED, mechanisms=())
        [(where, asked)] = uses([record], self.asked, NOW)
        self.assertEqual((25, "", ""), (where.port, asked.user, asked.password))
        surveyed = Surveyed(Wanted(HOST, 25, self.asked), NOW, [record])
        self.assertEqual([], faults(list(findings_of_server(surveyed))))
        surveyed = Surveyed(Wanted(HOST, None, self.asked), NOW, [record])
        self.assertEqual(["login-not-offered"], faults(list(findings_of_server(surveyed))))

    def test_what_a_port_is_probed_as_next(self) -> None:
        cases = (
            (587, Step.GREETING, Kind.TIMED_OUT, b"", (MailProtocol.SMTP, True)),
            (587, Step.GREETING, Kind.STRANGE, b"\x15\x03\x01", (MailProtocol.SMTP, True)),
            (587, Step.GREETING, Kind.STRANGE, b"+OK hi", (MailProtocol.POP3, False)),
            (465, Step.HANDSHAKE, Kind.TLS, b"", (MailProtocol.SMTP, False)),
            (993, Step.GREETING, Kind.STRANGE, b"220 hi", (MailProtocol.SMTP, True)),
            (25, Step.GREETING, Kind.STRANGE, b"HTTP/1.1", None),
            (25, Step.CONNECT, Kind.TIMED_OUT, b"", None),
            (25, Step.HANDSHAKE, Kind.TLS, b"220 hi", None),
        )
        for port, step, kind, began, wanted in cases:
            record = failed(port, kind, step)
            record.began = began
            service = next_service(record)
            found = (service.protocol, service.implicit_tls) if service else None
            self.assertEqual(wanted, found, (port, kind, began))


class RefusalTests(SynchronousTestCase):
    def test_links(self) -> None:
        for text, link in (
            ("see https://a.example/x?ip=192.0.2.1.", "https://a.example/x?ip=192.0.2.1"),
            ("(http://a.example/)", "http://a.example/"),
            ("<https://a.example/q>", "https://a.example/q"),
            ("no link", ""),
        ):
            self.assertEqual(link, link_in(text))

    def test_words_of_blocklists(self) -> None:
        for text in ("blocked using zen.spamhaus.org", "is on our blocklist", "listed in DNSBL"):
            self.assertTrue(is_blocklist(text))
        for text in ("user unknown", "greylisted", "mailbox unavailable"):
            self.assertFalse(is_blocklist(text))


class ReportTests(SynchronousTestCase):
    """The report as it is printed where the output is no terminal."""

    def test_width_80(self) -> None:
        wrong = good(465)
        wrong.tls = replace(TLS, certificate=replace(CERTIFICATE, names=("mail.example",)))
        used = good(587)
        used.login = Answer(False, "535 5.7.8 Error: authentication failed", code=535)
        surveyed = Surveyed(
            Wanted(HOST, None, Asked("ann", "secret")),
            NOW,
            [good(25), wrong, good(587), failed(2525, Kind.REFUSED)],
            [],
            [used],
        )

        async def never() -> list[Finding]:
            return []

        check = Check("Connection to mx.example", "connection", 1.0, never)
        lines = list(report_text([CheckResult(check, findings_of_server(surveyed))], 80))
        self.assertEqual(REPORT.strip("\n"), "\n".join(lines))
        self.assertLessEqual(max(map(len, lines)), 80)


REPORT = """
Connection to mx.example
  ok              192.0.2.1 ports 25, 587: 220 mx.example ESMTP; STARTTLS; login
                  by PLAIN
  ok              TLS at 192.0.2.1 ports 25, 587: TLSv1.3,
                  TLS_AES_256_GCM_SHA384, certificate for mx.example by An
                  Authority until 2026-04-30
  ok              192.0.2.1 port 465: 220 mx.example ESMTP; login by PLAIN
  failure         TLS at 192.0.2.1 port 465: the certificate is for
                  mail.example, and not for mx.example
                  Mail programs take the server for another one and refuse it.
                  [doctor/server-certificate-name]
                  Remedy: Use the name of the certificate as server name in the
                  mail program, or have the operator of the server add the other
                  name to it.
  ok              REQUIRETLS at 192.0.2.1 port 25: not offered: senders cannot
                  demand TLS for the whole way
  ok              192.0.2.1 port 2525: closed, no server listens there
  failure         login as ann at 192.0.2.1 port 587: refused: 535 5.7.8 Error:
                  authentication failed
                  The server accepts mail from users, and lets them read mail,
                  after a login only. [doctor/login-refused]
                  Remedy: Compare user name and password with those of the
                  provider: the user name is often the full address, and some
                  providers want an app password.

2 failures, 5 ok
"""

"""Certificates: those in the files, their chains, and those that the ports offer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from mailhost.config.load import Loaded
from mailhost.dns_records.facts import DomainFacts
from mailhost.dns_records.own_domain import OwnDomain
from mailhost.doctor.finding import Finding, Verdict
from mailhost.doctor.host import certificates
from mailhost.doctor.host.certificate_files import certificate_findings, certificate_paths
from mailhost.doctor.host.certificates import certificates_check
from mailhost.doctor.host.chain import chain_fault
from mailhost.doctor.host.listeners import HostState
from mailhost.doctor.host.probe import ListenerPlace, NoHandshake, NotReached
from mailhost.doctor.host.served_certificates import served_certificates_check
from mailhost.doctor.host.sockets import ListeningSocket, Process
from mailhost.mta_sts.policy import Mode, STSPolicy
from mailhost.net.tls.certificate_checks import CertificateFault, CertificateFinding
from mailhost.net.tls.selfsigned import make_self_signed
from tests.doctor.host.case import HostCase, found_by
from tests.net.tls.handshakes import issue, key_pem, pem
from tests.queue.fakes import here

NAME = "mail.example.test"
DAY = timedelta(days=1)


def life(days: float) -> tuple[datetime, datetime]:
    """Of a certificate that ends in some days."""
    now = datetime.now(UTC)
    return now - 90 * DAY, now + days * DAY


class CertificateCase(HostCase):
    """An authority that this machine trusts, and a certificate of it."""

    def setUp(self) -> None:
        super().setUp()
        self.root, self.root_key = issue("root", life=life(900))
        self.certificate = self.write(*self.issued())
        self.patch(certificates, "chain_fault", self.chain_fault)

    def issued(self, name: str = NAME, days: float = 60) -> tuple[x509.Certificate, Any]:
        return issue(name, self.root, self.root_key, ca=False, life=life(days))

    def write(self, certificate: x509.Certificate, key: Any) -> x509.Certificate:
        for name, contents in (("chain.pem", pem(certificate)), ("key.pem", key_pem(key))):
            path = os.path.join(self.folder, name)
            with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
                file.write(contents)
        return certificate

    def chain_fault(self, chain: Sequence[x509.Certificate], now: datetime) -> str:
        store = crypto.X509Store()
        store.add_cert(crypto.X509.from_cryptography(self.root))
        return chain_fault(chain, now, store)

    def loaded(self) -> Loaded:
        return self.load('[[tls.certificate]]\nchain = "chain.pem"\nkey = "key.pem"\n')


class FilesTests(CertificateCase):
    def found(self, more: Sequence[CertificateFinding] = ()) -> Sequence[Finding]:
        settings = self.loaded().settings
        files = [*certificate_findings(settings), *more]
        return found_by(certificates_check(settings, files, here))

    def test_right(self) -> None:
        self.assert_fine(self.found())

    def test_expired(self) -> None:
        self.write(*self.issued(days=-1))
        self.assertIn("expired on", self.only(self.found(), "certificate-expired").seen)

    def test_expires_soon(self) -> None:
        self.write(*self.issued(days=5.5))
        found = self.only(self.found(), "certificate-expires-soon", Verdict.WARNING)
        self.assertIn("expires within 5 days", found.seen)

    def test_a_clock_that_is_wrong(self) -> None:
        now = datetime.now(UTC)
        self.write(
            *issue(NAME, self.root, self.root_key, ca=False, life=(now + DAY, now + 90 * DAY))
        )
        self.only(self.found(), "certificate-not-yet-valid")

    def test_for_another_name(self) -> None:
        self.write(*self.issued("other.example.test"))
        self.only(self.found(), "certificate-name", Verdict.WARNING)

    def test_ocsp(self) -> None:
        made = issue(NAME, self.root, self.root_key, ca=False, life=life(60), must_staple=True)
        self.write(*made)
        self.only(self.found(), "certificate-must-staple")

    def test_a_key_that_others_can_read(self) -> None:
        os.chmod(os.path.join(self.folder, "key.pem"), 0o604)
        self.only(self.found(), "certificate-key-open", Verdict.WARNING)

    def test_self_signed(self) -> None:
        self.write(*issue(NAME, life=life(60)))
        self.only(self.found(), "certificate-self-signed", Verdict.WARNING)

    def test_a_policy_that_demands_a_certificate_that_can_be_verified(self) -> None:
        policy = STSPolicy(Mode.ENFORCE, 86400, (NAME,))
        settings = self.loaded().settings
        for mode, name in (
            (Mode.ENFORCE, "mta-sts-certificate"),
            (Mode.TESTING, "certificate-self-signed"),
        ):
            self.write(*issue(NAME, life=life(60)))
            sts = replace(policy, mode=mode)
            own = OwnDomain(settings, DomainFacts("example.test", sts=sts), False)
            verdict = Verdict.FAILURE if mode is Mode.ENFORCE else Verdict.WARNING
            check = certificates_check(settings, (), here, [own])
            self.only(found_by(check), name, verdict)
            self.write(*self.issued())
            self.assert_fine(found_by(check))

    def test_a_chain_without_its_middle(self) -> None:
        middle, key = issue("middle", self.root, self.root_key, life=life(900))
        leaf, leaf_key = issue(NAME, middle, key, ca=False, life=life(60))
        self.write(leaf, leaf_key)
        found = self.only(self.found(), "certificate-chain", Verdict.WARNING)
        self.assertIn("issued by CN=middle", found.seen)
        with open(os.path.join(self.folder, "chain.pem"), "ab") as file:
            file.write(pem(middle))
        self.assert_fine(self.found())

    def test_files_that_the_user_cannot_read_are_one_finding(self) -> None:
        fault = CertificateFault.UNREADABLE
        texts = ("the user cannot read a", "the user cannot read b", "do this:\n  install a\n  b")
        found = self.only(
            self.found([CertificateFinding(text, fault, serious=True) for text in texts]),
            "file-unreadable",
        )
        self.assertEqual("the user cannot read a; the user cannot read b", found.seen)
        self.assertEqual(("do this:", ("install a", "b")), (found.remedy, found.copy))

    def test_the_demo_has_no_certificate_of_an_authority(self) -> None:
        self.write(*issue(NAME, life=life(60)))
        pair = '[[tls.certificate]]\nchain = "chain.pem"\nkey = "key.pem"\n'
        demo = f'{pair}[demo]\naccounts = ["ann@example.test"]\n'
        self.assert_fine(found_by(certificates_check(self.load(demo).settings, (), here)))


class OrderedTests(CertificateCase):
    """Certificates that the host ordered by ACME, in the data folder; the settings name none."""

    def setUp(self) -> None:
        super().setUp()
        for name in ("chain.pem", "key.pem"):
            os.remove(os.path.join(self.folder, name))
        self.settings = self.load("").settings
        os.makedirs(os.path.join(self.settings.data, "certificates"))

    def order(self, name: str = NAME, days: float = 60) -> str:
        certificate, key = self.issued(name, days)
        path = os.path.join(self.settings.data, "certificates", f"{name}.pem")
        with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(key_pem(key) + pem(certificate))
        return path

    def found(self) -> Sequence[Finding]:
        files = certificate_findings(self.settings)
        return found_by(certificates_check(self.settings, files, here))

    def test_right(self) -> None:
        path = self.order()
        [finding] = self.found()
        self.assert_fine([finding])
        self.assertIn(path, finding.tried)
        self.assertIn((path, path), certificate_paths(self.settings))

    def test_one_that_ends_soon(self) -> None:
        self.order(days=5)
        found = self.only(self.found(), "certificate-expires-soon", Verdict.WARNING)
        self.assertIn("mailhost certificates", found.remedy)

    def test_one_of_an_authority_that_this_machine_does_not_trust(self) -> None:
        self.order()
        self.root, self.root_key = issue("another root", life=life(900))
        found = self.only(self.found(), "certificate-chain", Verdict.WARNING)
        self.assertIn("directory in [tls.acme]", found.remedy)
        self.assertNotIn("fullchain", found.remedy)

    def test_the_self_signed_one_while_orders_fail(self) -> None:
        make_self_signed(os.path.join(self.settings.data, "tls"), NAME)
        found = self.only(self.found(), "certificate-self-signed", Verdict.WARNING)
        self.assertEqual(("[web]", "[tls.acme]", "agree = true"), found.copy)
        self.settings = self.load("[web]\n[tls.acme]\nagree = true\n").settings
        found = self.only(self.found(), "certificate-self-signed", Verdict.WARNING)
        self.assertEqual(("mailhost certificates",), found.copy)

    def test_the_self_signed_one_counts_until_there_is_one_for_the_hosts_name(self) -> None:
        own = make_self_signed(os.path.join(self.settings.data, "tls"), NAME)
        self.order("mail.other.test")
        self.only(self.found(), "certificate-self-signed", Verdict.WARNING)
        self.assertIn(own, certificate_paths(self.settings))
        self.order()
        self.assert_fine(self.found())

    def test_a_damaged_file_is_a_warning(self) -> None:
        self.order()
        with open(self.order("mail.other.test"), "wb") as file:
            file.write(b"junk")
        self.only(self.found(), "certificate-unusable", Verdict.WARNING)


class ServedTests(CertificateCase):
    def setUp(self) -> None:
        super().setUp()
        self.offered: bytes = self.certificate.public_bytes(Encoding.DER)
        self.trouble: NotReached | None = None
        ours = (Process(10, "twistd"),)
        self.sockets = [ListeningSocket("127.0.0.1", port, ours) for port in (2525, 2993)]

    def offer(self, place: ListenerPlace, name: str) -> bytes:
        if self.trouble:
            raise self.trouble
        return self.offered

    def found(self) -> Sequence[Finding]:
        settings = self.loaded().settings
        check = served_certificates_check(
            settings, self.sockets, here, lambda: HostState(True, frozenset({10})), self.offer
        )
        return found_by(check)

    def test_as_in_the_files(self) -> None:
        [finding] = self.found()
        self.assert_fine([finding])
        self.assertIn("smtp at 127.0.0.1:2525, imaps at 127.0.0.1:2993", finding.seen)

    def test_an_older_one(self) -> None:
        self.write(*self.issued())
        found = self.only(self.found(), "certificate-not-in-use", Verdict.WARNING)
        self.assertIn("mailhost reload", found.remedy)

    def test_a_handshake_that_fails(self) -> None:
        self.trouble = NoHandshake("the TLS handshake fails: NO_SHARED_CIPHER")
        self.only(self.found(), "listener-tls-fails")

    def test_a_port_that_is_closed_is_named_elsewhere(self) -> None:
        self.trouble = NotReached("Connection refused")
        self.assertEqual([], self.found())

    def test_files_that_cannot_be_used_are_named_elsewhere(self) -> None:
        settings = self.loaded().settings
        os.unlink(os.path.join(self.folder, "key.pem"))
        check = served_certificates_check(settings, self.sockets, here, offer=self.offer)
        self.assertEqual([], found_by(check))

    def test_a_port_of_another_program_is_named_elsewhere(self) -> None:
        self.write(*self.issued())
        postfix = (Process(99, "master"),)
        self.sockets = [ListeningSocket("::", port, postfix) for port in (2525, 2993)]
        self.assertEqual([], self.found())

"""Findings about certificates: dates, names, and keys that others can read."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

from twisted.trial.unittest import SynchronousTestCase

from mailhost.net.tls.certificate import CertificateFiles, read_certificate
from mailhost.net.tls.certificate_checks import CertificateFinding, findings
from tests.net.tls.handshakes import issue, key_pem, pem

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)


class Checks(SynchronousTestCase):
    def files(
        self,
        name: str = "mx.example.org",
        begins: datetime = NOW - DAY,
        days: float = 90,
        must_staple: bool = False,
    ) -> CertificateFiles:
        """A certificate and its key on the disk."""
        life = begins, begins + days * DAY
        certificate, key = issue(name, life=life, must_staple=must_staple)
        folder = self.mktemp()
        os.mkdir(folder)
        paths = os.path.join(folder, "chain.pem"), os.path.join(folder, "key.pem")
        for path, contents in zip(paths, (pem(certificate), key_pem(key)), strict=True):
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                file.write(contents)
        return read_certificate(*paths)

    def one(
        self, *certificates: CertificateFiles, hostname: str = "mx.example.org"
    ) -> CertificateFinding:
        [found] = findings(certificates, hostname, NOW)
        return found

    def test_a_good_one(self) -> None:
        self.assertEqual([], findings([self.files()], "mx.example.org", NOW))

    def test_an_expired_certificate(self) -> None:
        found = self.one(self.files(begins=NOW - 91 * DAY))
        self.assertIn("chain.pem expired on 2026-05-31; renew it", found.text)
        self.assertTrue(found.serious)

    def test_a_certificate_that_is_not_valid_yet(self) -> None:
        found = self.one(self.files(begins=NOW + DAY))
        self.assertIn("is not valid before 2026-06-02 00:00 UTC", found.text)
        self.assertTrue(found.serious)

    def test_a_certificate_that_expires_soon(self) -> None:
        for left, text in ((13.5, "within 13 days"), (1.5, "within 1 day,"), (0.5, "hours")):
            found = self.one(self.files(begins=NOW - (90 - left) * DAY))
            self.assertIn(text, found.text)
            self.assertFalse(found.serious)
        self.assertEqual([], findings([self.files(begins=NOW - 75 * DAY)], "mx.example.org", NOW))

    def test_a_short_lived_certificate_that_expires_soon(self) -> None:
        fresh = self.files(begins=NOW - 4 * DAY, days=6)
        self.assertEqual([], findings([fresh], "mx.example.org", NOW))
        self.assertIn("within 1 day,", self.one(self.files(begins=NOW - 4.9 * DAY, days=6)).text)

    def test_a_certificate_that_demands_ocsp(self) -> None:
        found = self.one(self.files(must_staple=True))
        self.assertIn("demands an OCSP response (Must-Staple), which the host does not", found.text)
        self.assertTrue(found.serious)

    def test_no_certificate_has_the_hosts_name(self) -> None:
        found = self.one(self.files("mail.example.com"), self.files("*.example.com"))
        self.assertIn(
            "no certificate is for mx.example.org, only for mail.example.com, *.example.com",
            found.text,
        )
        for name in ("mail.example.com", "*.example.com"):
            files = [self.files("elsewhere.example"), self.files(name)]
            self.assertEqual([], findings(files, "mail.example.com", NOW), name)
        self.one(self.files("*.example.com"), hostname="a.b.example.com")

    def test_a_key_that_others_can_read(self) -> None:
        files = self.files()
        for mode, text in ((0o644, "can read the key"), (0o602, "can overwrite the key")):
            os.chmod(files.paths[1], mode)
            found = self.one(files)
            self.assertIn(text, found.text)
            self.assertIn(f"chmod o= {files.paths[1]}", found.text)

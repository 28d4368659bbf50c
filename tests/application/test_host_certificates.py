"""The keys of the certificates, from which TLSA records are made."""

from __future__ import annotations

import os

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mailhost.application.host_certificates import host_certificates
from mailhost.certificates.folder import FOLDER, CertificateFolder
from mailhost.certificates.keys import key_pem, make_key
from mailhost.certificates.next_key import next_key_path, public_of
from mailhost.certificates.values import Account
from mailhost.config.acme import STAGING, KeyKind
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.net.tls.certificate import PEM
from tests.authority import Authority
from tests.doctor.host.case import HostCase

TWO = """
[[tls.certificate]]
chain = "other.pem"
key = "other.key"
[[tls.certificate]]
chain = "own.pem"
key = "own.key"
"""


class HostCertificatesTests(HostCase):
    def write(self, name: str, pem: PEM) -> bytes:
        """Write a certificate, and return its key."""
        for suffix, octets in ((".pem", pem.chain), (".key", pem.key)):
            with open(os.path.join(self.folder, name + suffix), "wb") as file:
                file.write(octets)
        public = x509.load_pem_x509_certificate(pem.chain).public_key()
        return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def keys(self, more: str) -> list[bytes]:
        found = host_certificates(self.load(more).settings)
        return [key.public for key in found.keys]

    def test_the_certificate_for_the_hosts_name(self) -> None:
        authority = Authority.new()
        other = self.write("other", authority.issue("other.example.test"))
        for name in ("mail.example.test", "*.example.test"):
            own = self.write("own", authority.issue(name))
            self.assertEqual([own], self.keys(TWO))
        self.write("other", authority.issue("*.example.test"))
        own = self.write("own", authority.issue("mail.example.test"))
        self.assertEqual([own], self.keys(TWO), "as port 25 chooses")
        other = self.write("other", authority.issue("other.example.test"))
        self.write("own", authority.issue("third.example.test"))
        self.assertEqual([other], self.keys(TWO))

    def test_the_authority_and_our_account_there(self) -> None:
        agreed = "[tls.acme]\nagree = true\n"
        for more, names in (
            ("", None),
            (agreed, ("letsencrypt.org",)),
            (f'{agreed}directory = "https://ca.example.test/acme"\n', None),
        ):
            found = host_certificates(self.load(more).settings).authority
            self.assertEqual(names, found and found.names)
        settings = self.load(agreed).settings
        directory, url = settings.tls.acme.directory, "https://acme.example/acct/1"
        os.mkdir(os.path.join(self.data, FOLDER))
        commit = BlockingCommitter(OperatingSystem()).commit
        CertificateFolder(self.data, commit).save_account(Account(directory, b"key", url))
        authority = host_certificates(settings).authority
        assert authority is not None
        self.assertEqual((url,), authority.accounts)
        trials = "https://acme.example/acct/2"
        CertificateFolder(self.data, commit).save_account(Account(STAGING, b"key", trials))
        settings = self.load(f'{agreed}try_first = "staging"\n').settings
        authority = host_certificates(settings).authority
        self.assertEqual((url, trials), authority and authority.accounts)

    def test_the_key_of_the_next_certificate(self) -> None:
        self.write("other", Authority.new().issue("other.example.test"))
        present = self.write("own", Authority.new().issue("mail.example.test"))
        settings = self.load(f"{TWO}[tls.acme]\nagree = true\n").settings
        os.mkdir(os.path.join(self.data, FOLDER))
        key = key_pem(make_key(KeyKind.P256))
        with open(next_key_path(self.data, settings.hostname), "wb") as file:
            file.write(key)
        keys = host_certificates(settings).keys
        self.assertEqual([present, public_of(key)], [each.public for each in keys])
        self.assertEqual([False, True], [each.coming for each in keys])

    def test_files_that_are_not_there(self) -> None:
        self.assertEqual([], self.keys(""))  # the first start makes a certificate
        own = self.write("own", Authority.new().issue("mail.example.test"))
        self.write("other", Authority.new().issue("other.example.test"))
        settings = self.load(TWO).settings
        os.unlink(os.path.join(self.folder, "other.pem"))
        self.assertEqual([own], [key.public for key in host_certificates(settings).keys])

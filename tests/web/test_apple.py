"""Configuration profiles for Apple's Mail, verified by openssl."""

from __future__ import annotations

import os
import plistlib
import subprocess
from dataclasses import replace
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from mailhost.message.address import parse_address
from mailhost.net.tls.certificate import CertificateFiles
from mailhost.web.apple.page import DOMAIN_PATH, PROFILE_PATH, ProfilePage, form_page
from mailhost.web.apple.profile import profile, signed
from mailhost.web.offers import Offers
from mailhost.web.values import WebResponse
from tests.fakes import now
from tests.web.serving import OFFERS, get, hosts, issued


class ProfileTests(SynchronousTestCase):
    def test_the_account(self) -> None:
        values = plistlib.loads(profile(OFFERS, "example.org", parse_address("ann@example.org")))
        self.assertEqual(values["PayloadType"], "Configuration")
        self.assertTrue(values["PayloadIdentifier"].startswith("org.example.mail."))
        (account,) = values["PayloadContent"]
        self.assertEqual(account["PayloadType"], "com.apple.mail.managed")
        server = {
            "MailServerAuthentication": "EmailAuthPassword",
            "MailServerHostName": "mx.example.org",
            "MailServerUseSSL": True,
            "MailServerUsername": "ann@example.org",
        }
        expected = {
            "EmailAccountType": "EmailTypeIMAP",
            "EmailAddress": "ann@example.org",
            "IncomingMailServerPortNumber": 993,
            "OutgoingMailServerPortNumber": 465,
            "OutgoingPasswordSameAsIncomingPassword": True,
            **{f"Incoming{name}": value for name, value in server.items()},
            **{f"Outgoing{name}": value for name, value in server.items()},
        }
        self.assertEqual({name: account[name] for name in expected}, expected)

    def test_without_an_address_the_device_asks_for_it(self) -> None:
        (account,) = plistlib.loads(profile(OFFERS, "example.org", None))["PayloadContent"]
        for name in ("EmailAddress", "IncomingMailServerUsername", "OutgoingMailServerUsername"):
            self.assertNotIn(name, account)

    def test_a_host_without_imap(self) -> None:
        pop3 = Offers("mx.example.org", OFFERS.reading[2:], OFFERS.sending)
        (account,) = plistlib.loads(profile(pop3, "example.org", None))["PayloadContent"]
        self.assertEqual(account["EmailAccountType"], "EmailTypePOP")

    def test_identifiers_stay_the_same_and_differ_between_accounts(self) -> None:
        def uuids(address: str) -> tuple[str, str]:
            values = plistlib.loads(profile(OFFERS, "example.org", parse_address(address)))
            return values["PayloadUUID"], values["PayloadContent"][0]["PayloadUUID"]

        self.assertEqual(uuids("ann@example.org"), uuids("ann@example.org"))
        self.assertEqual(len({*uuids("ann@example.org"), *uuids("bob@example.org")}), 4)

    def test_the_profile_of_another_account_does_not_replace_the_one_on_the_device(self) -> None:
        """Devices tell profiles apart by PayloadIdentifier alone."""

        def identifiers(address: str) -> tuple[str, str]:
            values = plistlib.loads(profile(OFFERS, "example.org", parse_address(address)))
            return values["PayloadIdentifier"], values["PayloadContent"][0]["PayloadIdentifier"]

        self.assertEqual(identifiers("ann@example.org"), identifiers("ann@example.org"))
        found = {*identifiers("ann@example.org"), *identifiers("bob@example.org")}
        self.assertEqual(len(found), 4)
        self.assertTrue(all(each.startswith("org.example.mail.") for each in found))


class SignatureTests(SynchronousTestCase):
    """`openssl cms -verify` is a second opinion."""

    def verified(self, der: bytes, authority: bytes) -> bytes:
        """Return the content of a CMS structure whose signature an authority's chain confirms."""
        folder = self.mktemp()
        os.makedirs(folder)
        files = {"signed": der, "authority.pem": authority}
        for name, octets in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(octets)
        command = "openssl cms -verify -inform DER -in signed -CAfile authority.pem -purpose any"
        done = subprocess.run(command.split(), cwd=folder, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_openssl_verifies_the_signature_and_the_chain(self) -> None:
        files = issued("mx.example.org")
        content = profile(OFFERS, "example.org", parse_address("ann@example.org"))
        der = signed(content, files)
        self.assertNotEqual(der, content)
        authority = files.chain[1].public_bytes(Encoding.PEM)
        self.assertEqual(self.verified(der, authority), content)

    def test_a_kind_of_key_that_is_not_used_in_cms(self) -> None:
        files = replace(issued("mx.example.org"), key=ed25519.Ed25519PrivateKey.generate())
        self.assertEqual(signed(b"profile", files), b"profile")


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.certificates = [issued("other.example"), issued("mx.example.org")]
        self.used: list[CertificateFiles] = []

    def ask(self, path: str, email: str = "", offers: Offers = OFFERS) -> WebResponse:
        def in_thread(work: Any) -> Deferred[Any]:
            self.used.append(work.args[1])
            return succeed(work.args[0])

        page = ProfilePage(offers, hosts(), lambda: self.certificates, cast(Any, in_thread))
        request = get("mail.example.org", path, email=email)
        return now(page(request, None))

    def test_the_form(self) -> None:
        response = form_page(get("mail.example.org", "/apple"), None)
        self.assertIn(b'<form action="/apple/profile">', response.body)
        self.assertIn("form-action 'self'", dict(response.headers)["Content-Security-Policy"])

    def test_the_profile_of_an_address(self) -> None:
        response = self.ask(PROFILE_PATH, "ann@alias.example")
        self.assertEqual((response.code, response.kind), (200, "application/x-apple-aspen-config"))
        (account,) = plistlib.loads(response.body)["PayloadContent"]
        self.assertEqual(account["EmailAddress"], "ann@alias.example")
        disposition = dict(response.headers)["Content-Disposition"]
        self.assertEqual(disposition, 'attachment; filename="alias.example.mobileconfig"')

    def test_the_profile_of_a_domain(self) -> None:
        values = plistlib.loads(self.ask(f"{DOMAIN_PATH}Example.net.mobileconfig").body)
        self.assertEqual(values["PayloadIdentifier"], "net.example.mail")

    def test_it_is_signed_by_the_certificate_for_the_name(self) -> None:
        self.ask(PROFILE_PATH, "ann@example.org")
        self.certificates.append(issued("mail.example.org"))
        self.ask(PROFILE_PATH, "ann@example.org")
        del self.certificates[1:]
        self.ask(PROFILE_PATH, "ann@example.org")
        names = [files.names for files in self.used]
        self.assertEqual(names, [("mx.example.org",), ("mail.example.org",), ("other.example",)])

    def test_other_domains_and_paths(self) -> None:
        for path, email in (
            (PROFILE_PATH, ""),
            (PROFILE_PATH, "ann@far.example"),
            (PROFILE_PATH, "ann"),
            (f"{DOMAIN_PATH}example.org.mobileconfig", "ann@far.example"),
            (f"{DOMAIN_PATH}far.example.mobileconfig", ""),
            (f"{DOMAIN_PATH}example.org", ""),
        ):
            self.assertEqual(self.ask(path, email).code, 404, path)

    def test_a_host_to_which_nobody_can_send(self) -> None:
        without = Offers("mx.example.org", OFFERS.reading, ())
        self.assertEqual(self.ask(PROFILE_PATH, "ann@example.org", without).code, 404)

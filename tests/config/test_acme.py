"""`[tls.acme]`: directories, names and commands, and what they need."""

from __future__ import annotations

import os
from typing import Any

from pydantic import ValidationError
from twisted.trial.unittest import SynchronousTestCase

from mailhost.config.acme import ACME, LETS_ENCRYPT, STAGING, ChallengeKind
from mailhost.config.acme_check import acme_warnings, check_acme
from mailhost.config.model import Settings
from mailhost.config.secrets import read_secrets
from mailhost.playground.certificates import new_authority


def acme(**settings: Any) -> ACME:
    return ACME.model_validate(settings, context={"folder": "/etc/mailhost"})


class ValueTests(SynchronousTestCase):
    def test_directories(self) -> None:
        for given, found in (
            ("letsencrypt", LETS_ENCRYPT),
            ("staging", STAGING),
            ("https://ca.example/acme/dir", "https://ca.example/acme/dir"),
        ):
            self.assertEqual(found, acme(directory=given).directory)
        for bad in ("http://ca.example/dir", "ca.example", "", 5, "https://", "https://a b/"):
            with self.assertRaisesRegex(ValidationError, "beginning with https"):
                acme(directory=bad)

    def test_names(self) -> None:
        names = acme(names=["IMAP.Example.Com", "*.bücher.example"]).names
        self.assertEqual(("imap.example.com", "*.xn--bcher-kva.example"), names)
        for bad in ("192.0.2.1", "localhost", "*", "*.*.example.com", "a b.example", 5):
            with self.assertRaisesRegex(ValidationError, "write a host name"):
                acme(names=[bad])

    def test_a_command_is_a_path_or_a_list(self) -> None:
        self.assertEqual(("/etc/mailhost/dns",), acme(dns_command="dns").dns_command)
        listed = acme(dns_command=["/bin/dns", "a b"]).dns_command
        self.assertEqual(("/bin/dns", "a b"), listed)
        self.assertEqual((), acme(dns_command=[]).dns_command)
        for bad in ([""], [5], 5):
            with self.assertRaisesRegex(ValidationError, "path of a program"):
                acme(dns_command=bad)

    def test_dns_01_is_used_only_if_the_host_can_change_dns(self) -> None:
        first_two = (ChallengeKind.HTTP_01, ChallengeKind.TLS_ALPN_01)
        self.assertEqual(first_two, acme().usable_challenges)
        usable = acme(dns_command="/bin/true", challenges=["dns-01", "http-01"]).usable_challenges
        self.assertEqual((ChallengeKind.DNS_01, ChallengeKind.HTTP_01), usable)


class SecretTests(SynchronousTestCase):
    """The key of an external account."""

    def faults(self, key: str) -> list[str]:
        path = os.path.abspath(self.mktemp())
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(key)
        account = {"id": "kid-1", "key": {"file": path}}
        tls = {"acme": {"agree": True, "external_account": account}}
        least = {"version": 1, "hostname": "mx.a.example", "data": "/data", "tls": tls}
        _, problems = read_secrets(Settings.model_validate(least, context={"folder": "/"}), {})
        return [each.key for each in problems]

    def test_it_is_in_base64url(self) -> None:
        for key in ("zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3M\n", "QUJD", "QQ=="):
            self.assertEqual([], self.faults(key))
        for key in ("no key", "QUJDR", "a+b/", "hunter2!"):
            self.assertEqual(["tls.acme.external_account.key"], self.faults(key))


class CheckTests(SynchronousTestCase):
    def problems(self, **settings: Any) -> dict[str, str]:
        return {each.key: each.text for each in check_acme(acme(**settings))}

    def test_what_is_right(self) -> None:
        ca_file = os.path.abspath(self.mktemp())
        with open(ca_file, "wb") as file:
            file.write(new_authority().pem)
        self.assertEqual({}, self.problems())
        right: dict[str, Any] = {"names": ["*.a.example"], "dns_command": "/bin/true"}
        self.assertEqual({}, self.problems(**right, ca_file=ca_file))

    def test_challenges_that_cannot_be_used(self) -> None:
        found = self.problems(challenges=["dns-01"])
        self.assertIn("dns_command", found["tls.acme.challenges"])
        self.assertIn("dns-01 alone", self.problems(names=["*.a.example"])["tls.acme.names[1]"])

    def test_files(self) -> None:
        here = os.path.abspath(__file__)
        found = self.problems(ca_file=here)
        self.assertIn("no certificate", found["tls.acme.ca_file"])
        self.assertIn("no such file", self.problems(ca_file="/nowhere")["tls.acme.ca_file"])
        found = self.problems(dns_command=here)
        self.assertIn("no program", found["tls.acme.dns_command"])
        update = {"server": "127.0.0.1", "key": "/nowhere"}
        found = self.problems(nsupdate=update, dns_command="/bin/true")
        self.assertEqual({"tls.acme.nsupdate.key", "tls.acme.dns_command"}, {*found})

    def test_a_key_that_everybody_can_read(self) -> None:
        key = os.path.abspath(self.mktemp())
        for mode, found in ((0o600, []), (0o644, [f"run: chmod 600 {key}"])):
            with open(os.open(key, os.O_WRONLY | os.O_CREAT), "w") as file:
                file.write("key")
            os.chmod(key, mode)
            problems = self.problems(nsupdate={"server": "127.0.0.1", "key": key})
            self.assertEqual(found, [each.rpartition("; ")[2] for each in problems.values()])

    def warned(self, web: bool = True, **settings: Any) -> list[str]:
        least = {"version": 1, "hostname": "mx.a.example", "data": "/data"}
        found = Settings.model_validate(
            least | {"tls": {"acme": settings}} | ({"web": {}} if web else {})
        )
        return [each.key for each in acme_warnings(found)]

    def test_settings_without_agreement(self) -> None:
        contact = ["ann@a.example"]
        self.assertEqual(["tls.acme.agree"], self.warned(contact=contact))
        self.assertEqual([], self.warned())
        self.assertEqual([], self.warned(agree=False))
        self.assertEqual([], self.warned(agree=True, contact=contact))

    def test_agreement_without_a_challenge_that_can_be_answered(self) -> None:
        self.assertEqual(["tls.acme.challenges"], self.warned(web=False, agree=True))
        self.assertEqual([], self.warned(web=False, agree=True, dns_command="/bin/true"))
        self.assertEqual([], self.warned(web=False))

"""A host that orders its certificates from Pebble, and uses them in all processes."""

from __future__ import annotations

import json
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.trial.unittest import TestCase

from tests.certificates.pebble import HOST, Pebble
from tests.end_to_end.dns_process import DNSProcess
from tests.end_to_end.running import RunningHost, short_folder
from tests.end_to_end.shared import Raw

NAMES = ("mx.a.example", "mail.a.example", "mta-sts.a.example", "mail.b.example")
RECORDS = {name: [["A", HOST]] for name in NAMES} | {"autoconfig.a.example": [["A", "192.0.2.9"]]}
SETTINGS = """
[dns]
servers = ["127.0.0.1:{dns}"]
addresses = ["127.0.0.1"]
[tls.acme]
agree = true
directory = "{pebble.directory}"
ca_file = "{pebble.ca_file}"
contact = ["ann@a.example"]
challenges = ["{challenge}"]
"""
ENVIRONMENT = {"PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_AUTHZREUSE": "0"}


class AcmeTests(TestCase):
    host: RunningHost
    pebble: Pebble

    def test_from_the_first_start_to_a_renewal(self) -> None:
        folder = short_folder(self)
        dns = DNSProcess(RECORDS)
        self.addCleanup(dns.stop)
        self.pebble = pebble = Pebble(folder / "pebble", dns.port, ENVIRONMENT)
        self.addCleanup(pebble.stop)
        pebble.wait()
        self.host = host = RunningHost(
            folder / "host",
            self.settings("tls-alpn-01", dns.port),
            protocols=("smtp", "submissions"),
            ports={"http": pebble.http, "https": pebble.tls},
            hostname="mx.a.example",
        )
        host.add_accounts("secret", "ann@a.example")
        host.start()
        self.addCleanup(host.stop)
        client = Raw((HOST, host.ports["smtp"]), hello="EHLO")
        self.addCleanup(client.close)
        host.wait_for("certificate of mx.a.example: ordered for mx.a.example, valid until")
        host.wait_for("a.example: ordered for mail.a.example, mta-sts.a.example, valid")
        host.wait_for("left out: autoconfig.a.example (it leads to 192.0.2.9), autodiscover")
        first = self.used("mail.a.example")
        self.assertEqual({"mail.a.example", "mta-sts.a.example"}, names_in(first))
        self.assertEqual({"mx.a.example"}, names_in(self.used("mx.a.example")))
        self.assertTrue(client.say("NOOP\r\n").startswith(b"250"), "the connection was dropped")
        self.noticed(host)
        self.assertNotIn("w/ HTTP", pebble.log)
        host.write_settings(self.settings("http-01", dns.port))
        self.assertIn("tls.acme.challenges", host.reload())
        self.commands(host, first)
        self.assertIn("validate w/ HTTP: http://mail.a.example", pebble.log)
        self.files(host.data / "certificates")

    def settings(self, challenge: str, dns: int) -> str:
        filled = SETTINGS.format(dns=dns, pebble=self.pebble, challenge=challenge)
        return f"workers = 2{filled}"

    def noticed(self, host: RunningHost) -> None:
        """A domain that is added later gets its certificate."""
        self.assertEqual(0, host.command("domain", "add", "b.example").returncode)
        host.wait_for("certificate of b.example: ordered for mail.b.example, valid until")

    def commands(self, host: RunningHost, first: x509.Certificate) -> None:
        done = host.command("certificates", "--json")
        self.assertEqual(0, done.returncode, done.stderr)
        found: dict[str, Any] = {each["name"]: each for each in json.loads(done.stdout)}
        self.assertEqual({"mx.a.example", "a.example", "b.example"}, {*found})
        self.assertIn("192.0.2.9", found["a.example"]["missing"]["autoconfig.a.example"])
        done = host.command("certificates", "renew", "mta-sts.a.example")
        self.assertEqual("a.example: a new certificate is in use\n", done.stdout, done.stderr)
        self.assertNotEqual(first.serial_number, self.used("mail.a.example").serial_number)
        self.assertIn("mail.a.example", host.command("certificates").stdout)
        done = host.command("certificates", "renew", "far.example")
        self.assertIn("no certificate is ordered for far.example", done.stderr)

    def files(self, folder: Path) -> None:
        for path in folder.iterdir():
            self.assertEqual(0o600, path.stat().st_mode & 0o777, path)
        self.assertEqual(0o700, folder.stat().st_mode & 0o777)

    def used(self, name: str) -> x509.Certificate:
        """The certificate of Pebble that all processes use for a name."""
        found: list[x509.Certificate] = []

        def settled() -> bool:
            found[:] = [self.certificate(name) for _ in range(16)]
            serials = {each.serial_number for each in found}
            return len(serials) == 1 and "Pebble" in found[0].issuer.rfc4514_string()

        self.host.until(settled, f"no certificate of Pebble for {name}")
        return found[0]

    def certificate(self, name: str) -> x509.Certificate:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        client = Raw((HOST, self.host.ports["submissions"]))
        with context.wrap_socket(client.socket, server_hostname=name) as tls:
            octets = tls.getpeercert(binary_form=True)
        assert octets is not None
        return x509.load_der_x509_certificate(octets)


def names_in(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {*found.value.get_values_for_type(x509.DNSName)}

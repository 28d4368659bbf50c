"""A host that orders its certificates from Pebble, and uses them in all processes.

The challenges come to the web listeners of the host, and to a zone that nsupdate changes. Each
fifth nonce is refused.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from twisted.trial.unittest import TestCase

from tests.certificates.named import Named
from tests.certificates.pebble import HOST, Pebble
from tests.end_to_end.running import RunningHost, free_port, short_folder
from tests.end_to_end.shared import Raw, any_certificate

NAMES = ("mx.a", "mail.a", "mta-sts.a", "mail.b")
ZONE = "".join(f"{name} A {HOST}\n" for name in NAMES) + "autoconfig.a A 192.0.2.9\n"
SETTINGS = """
workers = 2
[web]
[dns]
servers = ["127.0.0.1:{dns}"]
authority_port = {dns}
addresses = ["127.0.0.1"]
[tls.acme]
directory = "{pebble.directory}"
ca_file = "{pebble.ca_file}"
contact = ["ann@a.example"]
"""
ENVIRONMENT = {"PEBBLE_WFE_NONCEREJECT": "20", "PEBBLE_AUTHZREUSE": "0"}
AGREED = "agree = true\n"
BY_DNS = """
names = ["*.sub.a.example"]
[tls.acme.nsupdate]
server = "127.0.0.1:{dns}"
key = "{key}"
"""


class AcmeTests(TestCase):
    host: RunningHost
    pebble: Pebble
    named: Named
    timeout = 240

    def test_from_the_first_start_to_a_renewal(self) -> None:
        folder = short_folder(self)
        self.named = Named(folder / "named", "example", ZONE)
        self.addCleanup(self.named.stop)
        self.named.wait()
        self.pebble = Pebble(folder / "pebble", self.named.port, ENVIRONMENT)
        self.addCleanup(self.pebble.stop)
        self.pebble.wait()
        host = self.host = self.started(folder / "host")
        clients = [self.client("smtp") for _ in range(6)]
        self.agreed()
        names = {"mail.a.example", "mta-sts.a.example"}
        self.assertEqual(names, names_in(self.used("mail.a.example")))
        self.assertEqual({"mx.a.example"}, names_in(self.used("mx.a.example")))
        clients += [self.client("submissions", tls=True) for _ in range(4)]
        self.by_other_challenges()
        self.commands()
        self.next_key()
        self.files(host.data / "certificates")
        for client in clients:
            self.assertTrue(client.say("NOOP\r\n").startswith(b"250"), "a connection was dropped")

    @property
    def settings(self) -> str:
        return SETTINGS.format(dns=self.named.port, pebble=self.pebble)

    def started(self, folder: Path) -> RunningHost:
        """A host that may contact no authority yet."""
        host = RunningHost(
            folder,
            self.settings,
            protocols=("smtp", "submissions"),
            ports={"http": self.pebble.http, "https": self.pebble.tls},
            hostname="mx.a.example",
        )
        host.add_accounts("secret", "ann@a.example")
        self.addCleanup(host.stop)
        return host.start()

    def client(self, protocol: str, tls: bool = False) -> Raw:
        """A connection that is open while certificates change."""
        client = Raw((HOST, self.host.ports[protocol]))
        self.addCleanup(client.close)
        if tls:
            client.start_tls("mail.a.example")
        client.reply()
        client.say("EHLO client.example\r\n")
        return client

    def agreed(self) -> None:
        """Nothing is contacted before the operator agrees; then http-01 is answered."""
        host = self.host
        self.assertEqual(1, self.pebble.log.count("GET /dir"), "there is one by the test itself")
        host.write_settings(self.settings + AGREED)
        self.assertIn("reloaded", host.reload())
        host.wait_for("certificate of mx.a.example: ordered for mx.a.example, valid until")
        host.wait_for("a.example: ordered for mail.a.example, mta-sts.a.example, valid")
        host.wait_for("left out: autoconfig.a.example (it leads to 192.0.2.9), autodiscover")
        self.assertNotIn("tls-alpn-01", self.pebble.log)

    def by_other_challenges(self) -> None:
        """A wildcard that is added needs dns-01. A domain that is added gets its certificate by
        tls-alpn-01, since http-01 fails at first: the authority asks at another port."""
        host, since = self.host, self.host.mark()
        host.ports["http"] = free_port(HOST)
        values = {"dns": self.named.port, "key": self.named.key}
        host.write_settings(self.settings + AGREED + BY_DNS.format(**values))
        self.assertIn("reloaded", host.reload())
        self.assertIn(
            "*.sub.a.example", host.wait_for("certificate of a.example: ordered for", since)
        )
        self.assertIn("*.sub.a.example", names_in(self.used("mail.a.example")))
        self.assertEqual(0, host.command("domain", "add", "b.example").returncode)
        host.wait_for("certificate of b.example: ordered for mail.b.example, valid until")
        self.assertEqual({"mail.b.example"}, names_in(self.used("mail.b.example")))
        self.assertIn("validate w/ HTTP: http://mail.b.example:", self.pebble.log)
        self.assertIn("set INVALID", self.pebble.log)
        self.assertIn("adding an RR at '_acme-challenge.sub.a.example' TXT", self.named.log)
        self.assertNotIn("_acme-challenge.mail.b.example", self.named.log)
        self.assertEqual("", self.named.records("_acme-challenge.sub.a.example", "TXT"))

    def commands(self) -> None:
        host, first = self.host, self.used("mail.a.example")
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

    def next_key(self) -> None:
        """The record for DANE of the next certificate is known before the certificate is used."""
        done = self.host.command("dns", "a.example")
        present, coming = re.findall(r"_25\._tcp\.mx\.a\.example\. .* TLSA 3 1 1 (.+)", done.stdout)
        self.assertEqual(present, key_digest(self.used("mx.a.example")))
        done = self.host.command("certificates", "renew", "mx.a.example")
        self.assertEqual("mx.a.example: a new certificate is in use\n", done.stdout, done.stderr)
        self.assertEqual(coming, key_digest(self.used("mx.a.example")))

    def files(self, folder: Path) -> None:
        for path in folder.iterdir():
            self.assertEqual(0o600, path.stat().st_mode & 0o777, path)
        self.assertEqual(0o700, folder.stat().st_mode & 0o777)

    def used(self, name: str) -> x509.Certificate:
        """The certificate of Pebble that all processes use for a name. The head has the listener
        for https, and all processes that for submissions."""
        found: list[x509.Certificate] = []

        def settled() -> bool:
            ports = (*["submissions"] * 16, "https")
            found[:] = [self.certificate(name, port) for port in ports]
            serials = {each.serial_number for each in found}
            return len(serials) == 1 and "Pebble" in found[0].issuer.rfc4514_string()

        self.host.until(settled, f"no certificate of Pebble for {name}")
        return found[0]

    def certificate(self, name: str, protocol: str) -> x509.Certificate:
        client = Raw((HOST, self.host.ports[protocol]))
        with any_certificate().wrap_socket(client.socket, server_hostname=name) as tls:
            octets = tls.getpeercert(binary_form=True)
        assert octets is not None
        return x509.load_der_x509_certificate(octets)


def key_digest(certificate: x509.Certificate) -> str:
    """The SHA-256 digest of the key, as a TLSA record 3 1 1 has it."""
    info = PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(certificate.public_key().public_bytes(Encoding.DER, info)).hexdigest()


def names_in(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {*found.value.get_values_for_type(x509.DNSName)}

"""`mailhost certificates`, with a host that is not there."""

from __future__ import annotations

import json
import os
from typing import Any

from mailhost.certificates.folder import CertificateFolder
from mailhost.durable.blocking import BlockingCommitter
from mailhost.durable.system import OperatingSystem
from mailhost.net.tls.certificate import PEM
from tests.cli.bench import CommandCase, fake_host
from tests.net.tls.handshakes import issue, key_pem, pem

DAY = 86_400
ENTRY = {
    "name": "a.example",
    "kind": "ordered",
    "names": ["mail.a.example", "mta-sts.a.example"],
    "missing": {"autoconfig.a.example": "it leads to 192.0.2.9", "imap.a.example": ""},
    "issuer": "Let's Encrypt",
    "directory": "https://ca.example/directory",
    "begins": 1_800_000_000,
    "expires": 1_800_000_000 + 90 * DAY,
    "renew": 1_800_000_000 + 60 * DAY,
    "failures": [
        {"name": "imap.a.example", "text": "imap.a.example: no\x1broute", "at": 1e9, "next": 2e9}
    ],
}
SELF_SIGNED = {
    "name": "mx.a.example",
    "kind": "self-signed",
    "names": ["mx.a.example"],
    "missing": {},
    "issuer": "mx.a.example",
    "directory": "",
    "begins": 1_800_000_000,
    "expires": 1_800_000_000,
    "renew": None,
    "failures": [],
}


class CertificatesTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.settings()
        self.control = os.path.join(self.data, "control.sock")

    def test_a_table_and_for_programs(self) -> None:
        found = [SELF_SIGNED, ENTRY]
        with fake_host(self.control, lambda _: {"ok": True, "result": found}):
            table = self.run_ok("certificates")
            self.assertEqual(found, json.loads(self.run_ok("certificates", "--json")))
        self.assertIn("mx.a.example (self-signed)", table)
        self.assertRegex(table, "Let's Encrypt +2027-04-15 +2027-03-16")
        self.assertIn("a.example: left out are autoconfig.a.example (it leads to 192.0.2.9)", table)
        self.assertIn("imap.a.example: no\ufffdroute", table)

    def test_renewing(self) -> None:
        asked: list[Any] = []

        def answer(request: Any) -> Any:
            asked.append(request["arguments"])
            failures = ["mail.a.example: no route"] if len(asked) > 1 else []
            result = {"name": "a.example", "ordered": not failures, "failures": failures}
            return {"ok": True, "result": [result]}

        with fake_host(self.control, answer):
            done = self.run_ok("certificates", "renew")
            self.assertEqual("a.example: a new certificate is in use\n", done)
            failed = self.call("certificates", "renew", "a.example", "--staging")
            [result] = json.loads(self.call("certificates", "renew", "--json").stdout)
            self.assertFalse(result["ordered"])
        self.assertEqual({"certificate": "", "staging": False}, asked[0])
        self.assertEqual({"certificate": "a.example", "staging": True}, asked[1])
        self.assertEqual(1, failed.exit_code)
        self.assertIn("a.example: no certificate\n  mail.a.example: no route", failed.output)

    def test_a_refusal_and_no_host(self) -> None:
        refusal = {"ok": False, "error": "no certificate is ordered for far.example"}
        with fake_host(self.control, lambda _: refusal):
            self.assertIn("far.example", self.run_fails("certificates", "renew", "far.example"))
        self.assertIn("no host is running", self.run_fails("certificates", "renew"))

    def test_without_a_host_what_is_on_the_disk_is_shown(self) -> None:
        self.assertIn("no certificates", self.run_ok("certificates"))
        folder = CertificateFolder(self.data, BlockingCommitter(OperatingSystem()).commit)
        certificate, key = issue("mail.a.example")
        folder.save("a.example", PEM(pem(certificate), key_pem(key)))
        [entry] = json.loads(self.run_ok("certificates", "--json"))
        self.assertEqual(["mail.a.example"], entry["names"])
        with open(folder.path("b.example"), "w") as file:
            file.write("damaged")
        self.assertIn("b.example.pem", self.call("certificates").stderr)

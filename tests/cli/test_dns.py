"""`mailhost dns`: records as text, and compared with a DNS server on loopback."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from tests.cli.bench import CommandCase
from tests.cli.served_domain import SERVED, ServedDomainCase

ADDRESSES = '[dns]\naddresses = ["192.0.2.1"]\n'


class PlanTests(CommandCase):
    """Without a question to DNS, as the settings have the addresses."""

    def setUp(self) -> None:
        super().setUp()
        self.settings(ADDRESSES + '[domain."bücher.example"]\naliases = ["books.example"]\n')

    def test_a_domain_in_its_own_letters(self) -> None:
        output = self.run_ok("dns", "Bücher.example")
        self.assertIn("xn--bcher-kva.example. 3600 IN MX 10 mail.example.com.\n", output)
        self.assertIn("; xn--bcher-kva.example is how DNS writes bücher.example\n", output)
        self.assertIn("; addresses of the host: 192.0.2.1; they are", output)
        self.assertFalse([line for line in output.splitlines() if line[0:1] == ";" and line[80:]])

    def test_another_name_of_a_domain(self) -> None:
        self.assertIn("books.example. 3600 IN MX 10", self.run_ok("dns", "books.example"))

    def test_the_hosts_own_name(self) -> None:
        output = self.run_ok("dns", "--format", "nsupdate")
        self.assertIn("update add mail.example.com. 3600 A 192.0.2.1\n", output)
        self.assertNotIn(" MX ", output)
        self.assertIn("add _dmarc.mail.example.com.", output)
        self.settings(ADDRESSES + '[domain."example.com"]\n')
        self.assertNotIn("_dmarc", self.run_ok("dns"))

    def test_keys(self) -> None:
        self.run_ok("dkim", "make", "books.example")
        records = json.loads(self.run_ok("dns", "books.example", "--format", "json"))["records"]
        dkim = [each for each in records if each["topic"] == "DKIM"]
        self.assertEqual(["k=ed25519", "k=rsa"], sorted(r["value"].split("; ")[1] for r in dkim))
        long = next(each for each in dkim if "k=rsa" in each["value"])
        self.assertEqual(long["value"], "".join(long["data"].split('"')[1::2]))
        self.assertIn('" "', long["data"])

    def test_a_domain_that_does_not_sign(self) -> None:
        self.settings(ADDRESSES + '[dkim]\nsign = false\n[domain."books.example"]\n')
        output = self.run_ok("dns", "books.example").replace("\n;  ", "")
        self.assertIn("is not signed (DKIM)", output)

    def test_json(self) -> None:
        values = json.loads(self.run_ok("dns", "books.example", "--format", "json"))
        self.assertEqual("books.example", values["domain"])

    def test_a_domain_that_is_not_served_here(self) -> None:
        error = self.run_fails("dns", "other.example")
        self.assertIn("`mailhost domain add other.example` adds it", error)

    def test_the_demo_asks_nothing(self) -> None:
        self.settings('[demo]\naccounts = ["ann@example.org"]\n[domain."example.org"]\n')
        output = self.run_ok("dns", "example.org")  # a reactor could not run here
        self.assertIn("example.org. 3600 IN MX 10 mail.example.com.", output)
        self.assertEqual(3, self.call("dns", "example.org", "--check").exit_code)

    def test_a_check_that_cannot_begin(self) -> None:
        for arguments in (("other.example",), ("--config", "/nowhere.toml"), ("books.example",)):
            result = self.call("dns", "--check", *arguments)
            self.assertEqual(3, result.exit_code, result.output)
        self.assertIn("books.example is no name of the public DNS", result.stderr)
        for form in (("--format", "json"), ("--format=json",)):
            result = self.call("dns", "--check", "books.example", *form)
            self.assertIn("no name of the public DNS", json.loads(result.stdout)["error"])

    def test_wrong_usage(self) -> None:
        self.assertEqual(3, self.call("dns", "--check", "--bad").exit_code)
        self.assertEqual(2, self.call("dns", "--bad").exit_code)


class CheckTests(ServedDomainCase):
    """`mailhost dns books.example`."""

    def dns(self, *arguments: str) -> Deferred[Any]:
        """Start the command; its output, errors and exit code come."""
        return self.call("dns", "books.example", *arguments)

    async def _check(self) -> None:
        right, values = await gatherResults(
            [self.dns("--check"), self.dns("--check", "--format", "json")]
        )
        self.assertEqual(0, right[2], right)
        self.assertIn(b"right      MX of books.example: 10 mail.example.com.\n", right[0])
        self.assertTrue(right[0].endswith(b"\nbooks.example: all records are right\n"))
        verdicts = {each["verdict"] for each in json.loads(values[0])["findings"]}
        self.assertEqual({"right"}, verdicts)
        self.server.records = {**SERVED, "_dmarc.books.example": []}
        wrong = await self.dns("--check", "--format", "nsupdate")
        self.assertEqual(2, wrong[2], wrong)
        update = b'update add _dmarc.books.example. 3600 TXT "v=DMARC1; p=none"\nsend\n'
        self.assertTrue(wrong[0].endswith(update), wrong)

    def test_right_and_wrong_records(self) -> Deferred[None]:
        return Deferred.fromCoroutine(self._check())

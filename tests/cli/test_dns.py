"""`mailhost dns`: records as text."""

from __future__ import annotations

import json

from tests.cli.bench import CommandCase

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
        self.assertIn("; addresses of the host: 192.0.2.1; they are\n", output)

    def test_another_name_of_a_domain(self) -> None:
        self.assertIn("books.example. 3600 IN MX 10", self.run_ok("dns", "books.example"))

    def test_the_hosts_own_name(self) -> None:
        output = self.run_ok("dns", "--format", "nsupdate")
        self.assertIn("update add mail.example.com. 3600 A 192.0.2.1\n", output)
        self.assertNotIn(" MX ", output)

    def test_json(self) -> None:
        values = json.loads(self.run_ok("dns", "books.example", "--format", "json"))
        self.assertEqual("books.example", values["domain"])

    def test_a_domain_that_is_not_served_here(self) -> None:
        error = self.run_fails("dns", "other.example")
        self.assertIn("`mailhost domain add other.example` adds it", error)

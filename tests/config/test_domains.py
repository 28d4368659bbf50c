"""Checks between domains, accounts and aliases."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mailhost.config import check as check_module
from mailhost.config.load import load
from mailhost.config.model import Settings
from mailhost.message.address import Address
from tests.config.test_load import HEAD, LoadCase


class DomainTests(LoadCase):
    """Checks between domains, accounts and aliases."""

    def test_targets_that_nobody_has(self) -> None:
        problems = self.problems(
            HEAD
            + """
            admin = "zed@example.com"
            [domain."example.com"]
            aliases = ["example.org"]
            account.ann = {}
            alias.team = ["ann", "bert"]
            alias.more = ["team", "bert@example.org", "x@elsewhere.example"]
            alias.none = []
            alias.Ann = ["team"]
            """
        )
        domain = 'domain."example.com"'
        self.assertEqual(
            set(problems),
            {
                "admin",
                f"{domain}.alias.team[2]",
                f"{domain}.alias.more[2]",
                f"{domain}.alias.none",
                f"{domain}.alias.Ann",
            },
        )

    def test_an_address_for_reports_in_another_name_of_a_domain(self) -> None:
        problems = self.problems(
            HEAD
            + """
            dmarc.reports = { "example.net" = "dmarc@example.org" }
            tls_reports.addresses = { "example.net" = "tls@example.org" }
            [domain."example.com"]
            aliases = ["example.org"]
            dmarc_reports = "dmarc@example.org"
            tls_reports = "tls@example.org"
            """
        )
        keys = {
            'domain."example.com".dmarc_reports',
            'domain."example.com".tls_reports',
            'dmarc.reports."example.net"',
            'tls_reports.addresses."example.net"',
        }
        self.assertEqual(keys, set(problems))
        for explanation in problems.values():
            self.assertIn("write example.com here", explanation)

    def test_an_alias_of_an_address_for_reports(self) -> None:
        table = """
            [domain."example.com"]
            dmarc_reports = "dmarc@example.com"
            tls_reports = "tls@example.com"
            alias.rua = ["dmarc"]
            alias.tls = ["tls"]
            """
        load(self.write("mailhost.toml", HEAD + table), {})
        self.assertEqual(
            {'domain."example.com".alias.rua[1]'},
            set(self.problems(HEAD + table.replace('rua = ["dmarc"]', 'rua = ["dmarc2"]'))),
        )

    def test_ids_of_accounts(self) -> None:
        same, table = "0123456789abcdef" * 2, 'domain."example.com".account'
        problems = self.problems(
            HEAD
            + f"""
            [domain."example.com".account]
            ann.id = "{same}"
            bob.id = "{same}"
            carl = {{}}
            dora = {{}}
            """
        )
        self.assertEqual(
            problems, {f"{table}.bob.id": f"is the same as {table}.ann.id; remove one of them"}
        )
        for wrong in (f'"{same.upper()}"', '""', "7"):
            problems = self.problems(f"{HEAD}[{table}]\nann.id = {wrong}\n")
            self.assertIn("32 hexadecimal digits", problems[f"{table}.ann.id"])

    def test_a_name_with_dots_and_no_quotes(self) -> None:
        """TOML reads it as a table in a table."""
        cases = {
            "[domain.example.com]": ("domain.example.com", '[domain."example.com"]'),
            "[domain.example.com.account.ann]": ("domain.example.com", '[domain."example.com"]'),
            "domain.a.example.catch_all = 'x'": ("domain.a.example", '[domain."a.example"]'),
            "[domain.example.co.uk]": ("domain.example.co", '[domain."example.co.uk"]'),
            "[domains.example.com]": ("domains", '[domain."example.com"]'),
            "[domain.x.account.john.doe]": ("domain.x.account.john.doe", '.account."john.doe"'),
            "domain.x.alias.john.doe = ['a']": ("domain.x.alias.john", '.alias."john.doe"'),
        }
        for text, (key, explanation) in cases.items():
            problems = self.problems(HEAD + text)
            self.assertEqual(list(problems), [key])
            self.assertIn(
                f"write {explanation}" if explanation[0] == "[" else explanation,
                problems[key],
                text,
            )

    def test_a_catch_all_that_nobody_has(self) -> None:
        text = '[domain."example.com"]\ncatch_all = "anne"\naccount.ann = {}\n'
        self.assertEqual(list(self.problems(HEAD + text)), ['domain."example.com".catch_all'])

    def test_an_admin_that_nobody_has(self) -> None:
        text = HEAD + 'admin = "zed@example.com"\n[domain."example.com".account.ann]\n'
        self.assertEqual(list(self.problems(text)), ["admin"])

    def test_a_domain_twice(self) -> None:
        problems = self.problems(
            HEAD
            + """
            [domain."example.com"]
            [domain."Example.COM"]
            [domain."one.example"]
            aliases = ["two.example", "three.example"]
            [domain."two.example"]
            aliases = ["three.example"]
            """
        )
        self.assertIn("again", problems['domain."Example.COM"'])
        self.assertIn("there already", problems['domain."one.example".aliases[1]'])
        self.assertIn("there already", problems['domain."two.example".aliases[1]'])

    def test_an_account_twice(self) -> None:
        text = HEAD + '[domain."example.com".account]\nann = {}\nANN = {}\n'
        self.assertEqual(list(self.problems(text)), ['domain."example.com".account.ANN'])

    def test_what_follows_from_a_fault_is_not_told(self) -> None:
        text = '[domain."example.com"]\ncatch_all = "team"\nalias.team = "ann"\n'
        self.assertEqual(list(self.problems(HEAD + text)), ['domain."example.com".alias.team'])


class ManyAliases(SynchronousTestCase):
    """A reload checks the whole file, so the time must not grow with the square of its size."""

    def addresses_made(self, count: int) -> int:
        made = 0

        def address(local: str, domain: str) -> Address:
            nonlocal made
            made += 1
            return Address(local, domain)

        self.patch(check_module, "Address", address)
        domain = {"account": {"ann": {}}, "alias": {f"a{n}": ["ann"] for n in range(count)}}
        values: Any = {
            "version": 1,
            "hostname": "mx.example.com",
            "data": "/nowhere",
            "domain": {"example.com": domain},
        }
        self.assertEqual([], list(check_module.check(Settings.model_validate(values))))
        return made

    def test_each_is_looked_at_a_few_times(self) -> None:
        self.assertLess(self.addresses_made(400), 3 * self.addresses_made(200))

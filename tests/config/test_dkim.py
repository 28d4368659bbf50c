"""`[dkim]` and the tables of single domains."""

from __future__ import annotations

from mailhost.config.dkim import Algorithm
from tests.config.test_load import LoadCase

LEAST = 'version = 1\nhostname = "mx.example.com"\ndata = "data"\n'


class DKIMTests(LoadCase):
    def test_all_that_can_be_said(self) -> None:
        loaded = self.load(
            LEAST
            + """
[dkim]
algorithms = ["ed25519"]
rsa_bits = 3072
rotate_after = "90 days"
expire_after = "2 weeks"
sign_as = { "*.example.org" = "Example.org", "*" = "example.com" }
[dkim.domain."Bücher.example"]
off = true
[domain."example.com".dkim]
selector = "mail"
rsa_bits = 1024
"""
        ).settings
        self.assertEqual(loaded.dkim.algorithms, (Algorithm.ED25519,))
        self.assertEqual(loaded.dkim.expire_after, 14 * 86_400)
        self.assertEqual(loaded.dkim.sign_as["*.example.org"], "example.org")
        self.assertTrue(loaded.dkim.domain["xn--bcher-kva.example"].off)
        self.assertEqual(loaded.domain["example.com"].dkim.selector, "mail")

    def test_wrong_values(self) -> None:
        for line, key, words in (
            ("algorithms = []", "dkim.algorithms", ""),
            ('algorithms = ["dsa"]', "dkim.algorithms[1]", "rsa"),
            ("rsa_bits = 512", "dkim.rsa_bits", "1024"),
            ("rsa_bits = 16384", "dkim.rsa_bits", "4096"),
            ('rotate_after = "soon"', "dkim.rotate_after", "write a time"),
            ('sign_as = { "*.a.example" = "-" }', 'dkim.sign_as."*.a.example"', "domain name"),
            ('domain = { "a.example" = { selector = "a.b" } }', "", "write letters a to z"),
            ('domain = { "a.example" = { of = true } }', "", "off"),
        ):
            found = self.problems(f"{LEAST}[dkim]\n{line}\n")
            if key:
                self.assertIn(key, found, line)
            self.assertIn(words, " ".join(found.values()), line)

    def test_one_domain_has_one_table(self) -> None:
        text = '[dkim.domain."a.example"]\noff = true\n[domain."a.example"]\n'
        found = self.problems(LEAST + text)
        self.assertIn("is a domain of this file", found['dkim.domain."a.example"'])

    def test_two_spellings_of_one_name(self) -> None:
        text = '[dkim.domain."a.example"]\noff = true\n[dkim.domain."A.example"]\n'
        self.assertIn("again", str(self.problems(LEAST + text)))
        text = '[dkim]\nsign_as = { "*.a.example" = "b.example", "*.A.example" = "c.example" }\n'
        self.assertIn("again", str(self.problems(LEAST + text)))

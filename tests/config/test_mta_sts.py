"""`[mta_sts]` and the tables of single domains."""

from __future__ import annotations

from mailhost.config.mta_sts import STSMode
from tests.config.test_load import LoadCase

LEAST = 'version = 1\nhostname = "mx.example.com"\ndata = "data"\n'


class MTASTSTests(LoadCase):
    def test_the_default_is_safe(self) -> None:
        loaded = self.load(LEAST).settings.mta_sts
        self.assertEqual((loaded.mode, loaded.max_age, loaded.mx), (STSMode.TESTING, 604_800, ()))

    def test_wrong_values(self) -> None:
        for line, key, words in (
            ('mode = "report"', "mta_sts.mode", "'testing', 'enforce' or 'none'"),
            ('max_age = "1 hour"', "mta_sts.max_age", "write 1 day or more"),
            ('max_age = "700 days"', "mta_sts.max_age", "8766 hours or less"),
            ('mx = ["*"]', "mta_sts.mx[1]", "*.example.com"),
            ('mx = ["-a"]', "mta_sts.mx[1]", "domain name"),
        ):
            found = self.problems(f"{LEAST}[mta_sts]\n{line}\n")
            self.assertIn(words, found[key], line)

    def test_one_domain_has_one_table(self) -> None:
        text = '[mta_sts.domain."a.example"]\nmode = "none"\n[domain."a.example"]\n'
        found = self.problems(LEAST + text)
        self.assertIn('[domain."a.example".mta_sts]', found['mta_sts.domain."a.example"'])
        text = '[mta_sts.domain."a.example"]\n[mta_sts.domain."A.example"]\n'
        self.assertIn("again", str(self.problems(LEAST + text)))

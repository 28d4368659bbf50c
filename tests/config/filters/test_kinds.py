"""The settings of each kind of filter."""

from __future__ import annotations

from mailhost.config.filters.block import DNSList, Rate
from tests.config.filters.filter_case import FilterCase


class KindTests(FilterCase):
    """Told apart by their kind."""

    def test_each_has_its_own_settings(self) -> None:
        settings = self.load(
            'kind = "dnslist"\nzones = ["bl.example"]', 'kind = "rate"\nlimit = 3\nmode = "observe"'
        )
        first, second = settings.filter
        assert isinstance(first, DNSList) and isinstance(second, Rate)
        self.assertEqual((first.zones, second.limit), (("bl.example",), 3))
        self.assertEqual(first.on_error.value, "pass")
        self.assertEqual(second.action.value, "defer")

    def test_none_and_unknown_ones(self) -> None:
        self.wrong('name = "x"', "filter[1]: its kind is none; write kind = one of attachment, ")
        self.wrong('kind = "rat"', "filter[1]: its kind is 'rat'")

    def test_keys_of_another_kind(self) -> None:
        self.wrong(
            'kind = "size"\nlimit = 1\nzones = []',
            'filter[1].zones: is of no use for kind = "size"; kinds with it: dnslist',
        )
        self.wrong('kind = "size"\nlimit = 1\nmod = "x"', "filter[1].mod", "did you mean mode?")

    def test_what_is_missing(self) -> None:
        self.wrong('kind = "rate"', "filter[1].limit: is missing; write limit = 100")
        self.wrong('kind = "dnslist"', "filter[1].zones: is missing; write zones = ")

    def test_wrong_values(self) -> None:
        self.wrong('kind = "match"\npattern = "("', "filter[1].pattern", "no regular expression")
        self.wrong('kind = "match"\npattern = "x"\npart = "the body"', "filter[1].part: ")
        self.wrong('kind = "header"\nadd = { "A b" = "x" }', 'filter[1].add."A b": ')
        self.wrong('kind = "header"\nadd = { A = "x\\ny" }', "filter[1].add.A: write one line")
        self.wrong('kind = "size"\nlimit = 1\nlisteners = ["x"]', "filter[1].listeners[1]")
        self.wrong('kind = "subject"\nprefix = ""', "filter[1].prefix")
        self.wrong('kind = "milter"\nendpoint = "x"', "filter[1].endpoint")

    def test_the_number_is_that_of_the_file(self) -> None:
        good = 'kind = "size"\nlimit = 1'
        [problem] = self.problems(good, good, 'kind = "size"')
        self.assertTrue(problem.startswith("filter[3].limit: "), problem)

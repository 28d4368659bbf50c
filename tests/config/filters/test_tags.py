"""Tags in `when` and `unless` that no filter leaves, or too late.

There is no warning where a filter of the operator's own may leave any.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.internet.task import Clock

from mailhost.config.filters.block import CountBy, Rate
from mailhost.config.filters.tags import stages_of
from mailhost.config.load import load
from mailhost.interfaces.filters import IFilter
from mailhost.reception.filters.authenticity.filter import AuthenticityFilter
from mailhost.reception.filters.block.attachment import AttachmentFilter
from mailhost.reception.filters.block.dnslist import DNSListFilter
from mailhost.reception.filters.block.greylist import GreylistFilter
from mailhost.reception.filters.block.listed import STAGES, ListFilter
from mailhost.reception.filters.block.match import MatchFilter
from mailhost.reception.filters.block.rate import RateFilter, Rates
from mailhost.reception.filters.block.size import SizeFilter
from mailhost.reception.filters.edit.disclaimer import DisclaimerFilter
from mailhost.reception.filters.edit.header import HeaderFilter, SubjectFilter
from mailhost.reception.filters.edit.rewrite import RewriteFilter
from mailhost.reception.filters.edit.strip import StripFilter
from mailhost.reception.filters.monitor.journal import JournalFilter
from tests.config.filters.filter_case import FilterCase

SIZE = 'kind = "size"\nlimit = 1\n'
CLIENT = 'kind = "list"\nentries = ["10.0.0.1"]\n'
RECIPIENT = 'kind = "list"\nlook_at = "recipient"\nentries = ["a@b.example"]\n'
MATCH = 'kind = "match"\npattern = "x"\n'
HEADER = 'kind = "header"\nremove = ["X"]\n'
TAG = 'action = "tag"\ntag = "x"\n'
WHEN, UNLESS = 'when = ["x"]\n', 'unless = ["x"]\n'


class TagTests(FilterCase):
    """A row of filters each, and what is wrong with it."""

    def test_a_tag_that_no_filter_leaves(self) -> None:
        self.wrong(SIZE + WHEN, "filter[1].when[1]: no filter leaves the tag 'x'; there are no")
        self.wrong(SIZE + UNLESS, "filter[1].unless[1]: no filter leaves the tag 'x'")
        [problem] = self.problems(CLIENT + TAG, SIZE + 'unless = ["x", "y"]\n')
        self.assertEqual(problem, "filter[2].unless[2]: no filter leaves the tag 'y'; known: x")
        self.wrong(SIZE + 'tag = "x"\n', "filter[1].tag: is of no use")

    def test_the_default_of_greylisting_needs_no_list(self) -> None:
        self.load('kind = "greylist"\n')
        self.wrong('kind = "greylist"\nunless = ["knwon"]\n', "filter[1].unless[1]: no filter")

    def test_tags_that_are_left_in_time(self) -> None:
        for filters in (
            (CLIENT + TAG, SIZE + WHEN),
            (SIZE + WHEN, CLIENT + TAG),  # asked later, and so placed anywhere
            (MATCH + TAG, HEADER + WHEN),
            (RECIPIENT + WHEN, RECIPIENT + TAG),  # for the recipients after it
            (MATCH + TAG, SIZE + 'when = ["x", "y"]\n', MATCH + TAG.replace("x", "y")),
            (CLIENT + TAG + 'mode = "observe"\n', SIZE + UNLESS),
        ):
            self.load(*filters)

    def test_results_of_sender_authentication(self) -> None:
        examined = 'kind = "authenticity"\n'
        self.load(examined, HEADER + 'when = ["dmarc:fail", "junk"]\nunless = ["spf:pass"]\n')
        [problem] = self.problems(HEADER + 'when = ["dmarc:fail"]\n', examined)
        self.assertIn("filter[2] leaves 'dmarc:fail' after this one", problem)
        [problem] = self.problems(examined, HEADER + 'when = ["dmarc:failed"]\n')
        self.assertIn("no filter leaves the tag 'dmarc:failed'; known: arc:fail, ", problem)

    def test_tags_that_come_too_late(self) -> None:
        for filters, text in {
            (HEADER + WHEN, MATCH + TAG): "filter[1].when[1]: filter[2] leaves 'x' after this one",
            (HEADER + UNLESS, MATCH + TAG): "filter[1].unless[1]: filter[2] leaves 'x' after",
            (
                MATCH + TAG,
                CLIENT + WHEN,
            ): "filter[2].when[1]: filter[1] leaves 'x' at a later stage",
            (CLIENT + TAG + WHEN,): "filter[1].when[1]: only this filter itself leaves 'x'",
        }.items():
            [problem] = self.problems(*filters)
            self.assertTrue(problem.startswith(text), problem)

    def test_tags_of_other_listeners(self) -> None:
        tag = CLIENT + TAG + 'listeners = ["submission"]\n'
        [problem] = self.problems(tag, SIZE + WHEN + 'listeners = ["smtp"]\n')
        self.assertIn("filter[2].when[1]: filter[1] leaves 'x' for other listeners", problem)
        self.load(tag, SIZE + WHEN)

    def test_a_filter_that_can_never_match(self) -> None:
        [problem] = self.problems(CLIENT + TAG, SIZE + WHEN + UNLESS)
        self.assertIn("filter[2].when: can never match", problem)

    def test_own_code_may_leave_any_and_milters_none(self) -> None:
        (self.folder / "own.py").write_text("")
        own = 'kind = "python"\nfile = "own.py"\n'
        self.load(own, SIZE + WHEN, HEADER + UNLESS)
        [problem] = self.problems(own, SIZE + WHEN + UNLESS)
        self.assertIn("can never match", problem)
        milter = 'kind = "milter"\nendpoint = "tcp:127.0.0.1:8891"\n'
        self.assertEqual(len(self.problems(milter, SIZE + WHEN)), 1)

    def test_filters_for_protocols_without_a_listener(self) -> None:
        path = self.folder / "mailhost.toml"
        self.load(SIZE + 'listeners = ["lmtp"]\n')
        [problem] = [each for each in load(str(path)).warnings if each.key != "admin"]
        self.assertIn("filter[1].listeners: no [[listen]] has the protocol lmtp", str(problem))
        self.load(SIZE + 'listeners = ["lmtp", "smtp"]\n')
        self.assertEqual([each.key for each in load(str(path)).warnings], ["admin"])


class StageTests(FilterCase):
    """The stages that the check counts with are those at which filters are asked."""

    def stages(self, text: str) -> tuple[Any, ...]:
        os.makedirs(self.folder, exist_ok=True)
        return tuple(stages_of(self.load(text).filter[0]))

    def test_each_kind(self) -> None:
        cases: dict[str, type[Any]] = {
            'kind = "attachment"\nnames = ["*.exe"]': AttachmentFilter,
            'kind = "authenticity"': AuthenticityFilter,
            'kind = "disclaimer"\ntext = "x"': DisclaimerFilter,
            'kind = "dnslist"\nzones = ["bl.example"]': DNSListFilter,
            'kind = "greylist"': GreylistFilter,
            HEADER: HeaderFilter,
            'kind = "journal"\nto = "a@b.example"': JournalFilter,
            MATCH: MatchFilter,
            'kind = "rewrite"\nsenders = { "a@b.example" = "c@d.example" }': RewriteFilter,
            SIZE: SizeFilter,
            'kind = "strip"\nnames = ["*.exe"]': StripFilter,
            'kind = "subject"\nprefix = "x"': SubjectFilter,
        }
        for text, made in cases.items():
            self.assertTrue(IFilter.implementedBy(made), made)
            self.assertEqual(self.stages(text), tuple(made.stages), text)

    def test_those_that_depend_on_their_settings(self) -> None:
        self.assertTrue(IFilter.implementedBy(ListFilter))
        for count_by in CountBy:
            settings = Rate(kind="rate", limit=1, count_by=count_by)
            made = RateFilter(settings, "rate", Rates(Clock()))
            self.assertEqual(stages_of(settings), made.stages)
        for look_at, stage in STAGES.items():
            entries = '["10.0.0.1"]' if look_at == "client" else '["a@b.example"]'
            text = f'kind = "list"\nlook_at = "{look_at}"\nentries = {entries}'
            self.assertEqual(self.stages(text), (stage,))
